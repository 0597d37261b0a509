/**
 * Commands about one step: run it in some way, tag it, name it, go to it.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  Clipboard,
  Dialog,
  ICommandPalette,
  InputDialog,
  showDialog,
  showErrorMessage
} from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { CommandIDs } from '../../commands';
import { commandLine } from '../../models/command-line';
import { renamed } from '../../models/tag-form';
import { asRequestError } from '../../request';
import { IWorkflows } from '../../tokens';
import type { Diagnostic, RunRequest } from '../../wire';
import { pointed } from '../pointed';
import type { Way } from './menu';
import { goToNear } from './near-menu';
import { TagEditor } from './tag-editor';
import type { IWhich } from './which';
import { cellOf, stepOf, workflowOf } from './which';

export const steps: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:steps',
  description: 'Commands about one step of a workflow.',
  autoStart: true,
  requires: [IWorkflows],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbflow');
    const { commands } = app;
    const meant = (args: ReadonlyPartialJSONObject) => pointed(app, workflows, args);
    const which = (args: ReadonlyPartialJSONObject) => stepOf(workflows, meant(args));
    const category = trans.__('Workflow');

    commands.addCommand(CommandIDs.runStep, {
      label: args => wayLabel(args.way as Way, trans),
      isEnabled: args => which(args) !== null && commands.hasCommand(CommandIDs.run),
      execute: args => {
        const found = which(args);
        return found && commands.execute(CommandIDs.run, { ...request(found, args.way as Way) });
      }
    });
    commands.addCommand(CommandIDs.jump, {
      label: trans.__('Show Cell'),
      isVisible: args => typeof args.cell === 'string',
      execute: args =>
        workflowOf(workflows, args)?.jump(
          args.cell as string,
          typeof args.line === 'number' ? args.line : null
        )
    });
    commands.addCommand(CommandIDs.editTags, {
      label: trans.__('Edit Workflow Tags…'),
      isEnabled: args => cellOf(workflows, meant(args)) !== null,
      execute: args => editTags(workflows, meant(args), trans)
    });
    commands.addCommand(CommandIDs.renameStep, {
      label: trans.__('Rename Step…'),
      isEnabled: args => which(args) !== null,
      execute: args => {
        const found = which(args);
        return found && rename(workflows, found, trans);
      }
    });

    commands.addCommand(CommandIDs.goToNear, {
      label: args =>
        typeof args.to === 'string'
          ? args.to
          : args.way === 'feeds'
            ? trans.__('Go to What This Step Feeds')
            : trans.__('Go to What This Step Needs'),
      isEnabled: args => which(args) !== null,
      execute: args => {
        const found = which(args);
        const way = args.way === 'feeds' ? 'feeds' : 'needs';
        return (
          found && goToNear(commands, found, way, typeof args.to === 'string' ? args.to : null)
        );
      }
    });
    commands.addCommand(CommandIDs.copyCommand, {
      label: trans.__('Copy Command'),
      caption: trans.__('Copy what runs this step in a terminal, from the folder of the server'),
      isEnabled: args => which(args) !== null,
      execute: args => {
        const found = which(args);
        if (found !== null) {
          Clipboard.copyToSystem(commandLine(found.workflow.path, found.step.name));
        }
      }
    });

    palette?.addItem({ command: CommandIDs.goToNear, args: { way: 'needs' }, category });
    palette?.addItem({ command: CommandIDs.goToNear, args: { way: 'feeds' }, category });
    palette?.addItem({ command: CommandIDs.editTags, category });
    palette?.addItem({ command: CommandIDs.renameStep, category });
  }
};

function wayLabel(way: Way, trans: TranslationBundle): string {
  const labels: Record<Way, string> = {
    only: trans.__('Run This Step'),
    until: trans.__('Run Up To Here'),
    from: trans.__('Run From Here'),
    force: trans.__('Run This Step Anew')
  };
  return labels[way];
}

function request({ workflow, step }: IWhich, way: Way): RunRequest {
  const { path } = workflow;
  return way === 'force'
    ? { path, only: [step.name], force_steps: [step.name] }
    : { path, [way]: [step.name] };
}

async function editTags(
  workflows: IWorkflows,
  args: ReadonlyPartialJSONObject,
  trans: TranslationBundle
): Promise<void> {
  const workflow = workflowOf(workflows, args);
  const named = stepOf(workflows, args);
  const cell =
    typeof args.cell === 'string' ? args.cell : (named?.step.cells[0] ?? workflow?.activeCell);
  if (workflow === null || cell == null) {
    return;
  }
  const { api } = workflows;
  const check = async (tags: string[]): Promise<readonly Diagnostic[]> =>
    (await api.checkTags(workflow.path, workflow.graph.read(), cell, tags)).diagnostics;
  try {
    const { tags: known } = await api.tags();
    const others = (workflow.graph.graph?.steps ?? []).filter(step => !step.cells.includes(cell));
    const body = new TagEditor({
      known,
      tags: workflow.cellTags(cell),
      steps: others.map(step => step.name),
      check,
      trans
    });
    const answer = await showDialog({
      title: named ? trans.__('Tags of %1', named.step.name) : trans.__('Tags of the cell'),
      body,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Save') })
      ]
    });
    if (answer.button.accept && answer.value !== null) {
      await save(answer.value);
    }
  } catch (reason) {
    await showErrorMessage(trans.__('Tags'), asRequestError(reason).message);
  }

  async function save(tags: string[]): Promise<void> {
    const wrong = (await check(tags)).filter(each => each.severity === 'error');
    if (wrong.length > 0) {
      await showErrorMessage(trans.__('These tags cannot be saved'), sentence(wrong));
    } else if (cell != null) {
      workflow?.setCellTags(cell, tags);
    }
  }
}

async function rename(
  workflows: IWorkflows,
  { workflow, step }: IWhich,
  trans: TranslationBundle
): Promise<void> {
  const answer = await InputDialog.getText({
    title: trans.__('Rename Step'),
    label: trans.__('Name'),
    text: step.name,
    okLabel: trans.__('Rename')
  });
  const name = answer.value?.trim() ?? '';
  if (!answer.button.accept || name === step.name) {
    return;
  }
  if (workflow.graph.graph?.steps.some(each => each.name === name)) {
    const words = trans.__('There is a step %1 already: cells with one name are one step.', name);
    await showErrorMessage(trans.__('Rename Step'), words);
    return;
  }
  const tags = renamed(workflow.cellTags(step.cells[0]), name);
  const { diagnostics } = await workflows.api.checkTags(
    workflow.path,
    workflow.graph.read(),
    step.cells[0],
    tags
  );
  const wrong = diagnostics.filter(each => each.severity === 'error');
  if (wrong.length > 0) {
    await showErrorMessage(trans.__('Rename Step'), sentence(wrong));
    return;
  }
  for (const cell of step.cells) {
    workflow.setCellTags(cell, renamed(workflow.cellTags(cell), name));
  }
}

function sentence(found: readonly Diagnostic[]): string {
  return found.map(each => [each.message, each.hint].filter(Boolean).join('. ')).join('\n');
}
