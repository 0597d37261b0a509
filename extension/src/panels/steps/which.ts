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

export function stepOf(workflows: IWorkflows, args: ReadonlyPartialJSONObject): IWhich | null {
  const workflow = workflowOf(workflows, args);
  const steps = workflow?.graph.graph?.steps ?? [];
  const cell = typeof args.cell === 'string' ? args.cell : (workflow?.activeCell ?? null);
  const step =
    typeof args.step === 'string'
      ? steps.find(each => each.name === args.step)
      : steps.find(each => cell !== null && each.cells.includes(cell));
  return workflow === null || step === undefined ? null : { workflow, step };
}
