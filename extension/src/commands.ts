/**
 * The names of the commands, so that panels can call each other's without knowing each other.
 */

import type { RunRequest } from './wire';

export const CommandIDs = {
  /** Run the notebook. Without arguments a dialog asks; `IRunArguments` start at once. */
  run: 'nbflow:run',
  /** `{way: 'only'|'until'|'from'|'force', path?, step?}`: the step that is named, or active. */
  runStep: 'nbflow:run-step',
  /** `{way?, path?, step?}`: what to type in a terminal instead. */
  copyCommand: 'nbflow:copy-command',
  cancel: 'nbflow:cancel',
  /** `{run, latestCode?}`. */
  resume: 'nbflow:resume',
  /** The workflow panel. `{path?}` of a notebook that is opened first. */
  showGraph: 'nbflow:show-graph',
  /** The same as a tab of the main area. */
  openGraph: 'nbflow:open-graph',
  /** `{run}`: the graph of a run, coloured as it was. */
  showRunGraph: 'nbflow:show-run-graph',
  /** `{cell, line?}`. */
  jump: 'nbflow:jump',
  /** `{path?, step?, cell?}`, or the active cell. */
  editTags: 'nbflow:edit-tags',
  /** `{path?, step?, cell?}`, or the active cell. */
  renameStep: 'nbflow:rename-step',
  /** `{path?}`: the runs of a notebook. */
  showHistory: 'nbflow:show-history',
  /** `{path, run, step?}`: in what a run differs from the one before it. */
  compareRun: 'nbflow:compare-run',
  /** `{way: 'needs'|'feeds', path?, step?}`: to a step that this one needs or feeds. */
  goToNear: 'nbflow:go-to-near',
  /** `{run?, name?, step?}`: the tables of a run. */
  showTables: 'nbflow:show-tables',
  /** `{run, cell?, step?}`: the result notebook, read-only, at a cell. */
  openResult: 'nbflow:open-result',
  /** `{path?}`: the outputs of the run in the open notebook, or again the notebook's own. */
  runOutputs: 'nbflow:show-run-outputs',
  /** `{run, step, inputs?}`: a step's output, or what it was given, in the user's own kernel. */
  loadOutput: 'nbflow:load-output',
  /** The gallery of steps to add. */
  addStep: 'nbflow:add-step'
} as const;

/** What `CommandIDs.run` takes to start at once. */
export type RunArguments = Partial<RunRequest>;
