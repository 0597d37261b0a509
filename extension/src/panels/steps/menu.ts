/**
 * What can be done with a step, as a menu: of its badge, of its card and of the list.
 */

import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject } from '@lumino/coreutils';

import { CommandIDs } from '../../commands';

/** How a step can be run, in the order of the menu. */
export const WAYS = ['only', 'until', 'from', 'force'] as const;
export type Way = (typeof WAYS)[number];

export interface IStepPlace {
  path: string;
  step: string;
  /** The run that is shown, if there is one. */
  run: string | null;
}

export function openStepMenu(
  commands: CommandRegistry,
  { path, step, run }: IStepPlace,
  x: number,
  y: number
): void {
  const menu = new MenuSvg({ commands });
  menu.addClass('nbflow-StepMenu');
  const add = (command: string, args: ReadonlyJSONObject) => {
    if (commands.hasCommand(command)) {
      menu.addItem({ command, args });
    }
  };
  if (commands.hasCommand(CommandIDs.run)) {
    WAYS.forEach(way => add(CommandIDs.runStep, { path, step, way }));
    menu.addItem({ type: 'separator' });
  }
  if (run !== null) {
    add(CommandIDs.openResult, { path, run, step });
    add(CommandIDs.showTables, { path, run, step });
    add(CommandIDs.compareRun, { path, run, step });
    add(CommandIDs.loadOutput, { path, run, step });
    add(CommandIDs.loadOutput, { path, run, step, inputs: true });
    menu.addItem({ type: 'separator' });
  }
  add(CommandIDs.copyCommand, { path, step });
  add(CommandIDs.editTags, { path, step });
  add(CommandIDs.renameStep, { path, step });
  // A menu that is closed is done with once its command has been given.
  menu.aboutToClose.connect(() => requestAnimationFrame(() => menu.dispose()));
  menu.open(x, y);
}
