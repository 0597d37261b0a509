/**
 * Which step a command is about: the one that it names, or else the one that the cursor is in.
 */

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { INotebookWorkflow, IWorkflows } from '../../tokens';
import type { Step } from '../../wire';

export interface IWhich {
  workflow: INotebookWorkflow;
  step: Step;
}

export function workflowOf(
  workflows: IWorkflows,
  args: ReadonlyPartialJSONObject
): INotebookWorkflow | null {
  return args.path === undefined
    ? workflows.current
    : (workflows.all.find(each => each.path === args.path) ?? null);
}

/** The cell that is named, or active; null where there is none. */
export function cellOf(workflows: IWorkflows, args: ReadonlyPartialJSONObject): string | null {
  const active = workflowOf(workflows, args)?.activeCell ?? null;
  return typeof args.cell === 'string' ? args.cell || null : active;
}

export function stepOf(workflows: IWorkflows, args: ReadonlyPartialJSONObject): IWhich | null {
  const workflow = workflowOf(workflows, args);
  const steps = workflow?.graph.graph?.steps ?? [];
  const cell = cellOf(workflows, args);
  const step =
    typeof args.step === 'string'
      ? steps.find(each => each.name === args.step)
      : steps.find(each => cell !== null && each.cells.includes(cell));
  return workflow === null || step === undefined ? null : { workflow, step };
}
