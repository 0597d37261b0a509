/**
 * From a step's cell to those of the steps that it needs or feeds: at once where there is one, by a
 * menu where there are several.
 */

import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';

import { CommandIDs } from '../../commands';
import type { Way } from '../../models/near';
import { near } from '../../models/near';
import type { IWhich } from './which';

export async function goToNear(
  commands: CommandRegistry,
  { workflow, step }: IWhich,
  way: Way,
  to: string | null
): Promise<void> {
  const { graph } = workflow.graph;
  const all = graph === null ? [] : near(graph, step.name)[way];
  const one = all.length === 1 ? all[0] : all.find(each => each.step === to);
  if (one !== undefined) {
    await workflow.jump(one.cell);
    // What was pressed is gone with the cell that was left: the keyboard goes on in the notebook.
    workflow.panel.content.activate();
  } else if (all.length > 0) {
    const menu = new MenuSvg({ commands });
    menu.addClass('nbflow-NearMenu');
    for (const each of all) {
      const args = { path: workflow.path, step: step.name, way, to: each.step };
      menu.addItem({ command: CommandIDs.goToNear, args });
    }
    menu.aboutToClose.connect(() => requestAnimationFrame(() => menu.dispose()));
    const cell = workflow.panel.content.widgets.find(
      widget => widget.model.id === step.cells.at(-1)
    );
    const mark = cell?.node.querySelector(`.nbflow-Near.nbflow-mod-${way}`) ?? cell?.node;
    const { left, bottom } = (mark ?? workflow.panel.node).getBoundingClientRect();
    menu.open(left, bottom);
  }
}
