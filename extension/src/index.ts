/**
 * The extension: small plugins, one for each thing that people see.
 */

import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { badges } from './panels/badges/plugin';
import { underlines } from './panels/badges/underlines';
import { steps } from './panels/steps/plugin';
import { gallery } from './panels/gallery/plugin';
import { history } from './panels/history/plugin';
import { start } from './panels/launcher/plugin';
import { outputs } from './panels/outputs/plugin';
import { results, run } from './panels/run/plugin';
import { status } from './panels/run/status';
import { tables } from './panels/tables/plugin';
import { workflowPanel } from './panels/workflow/plugin';
import { workflows } from './plugin';

export * from './tokens';

// Each plugin has its own type of service; Lab takes them as unknown.
const plugins: JupyterFrontEndPlugin<unknown>[] = [
  workflows,
  workflowPanel,
  steps,
  badges,
  underlines,
  run,
  results,
  outputs,
  status,
  history,
  tables,
  gallery,
  start
];

export default plugins;
