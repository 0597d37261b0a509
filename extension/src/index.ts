/**
 * The extension: small plugins, one for each thing that people see.
 */

import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { badges } from './panels/badges/plugin';
import { underlines } from './panels/badges/underlines';
import { steps } from './panels/steps/plugin';
import { workflowPanel } from './panels/workflow/plugin';
import { workflows } from './plugin';

export * from './tokens';

// Each plugin has its own type of service; Lab takes them as unknown.
const plugins: JupyterFrontEndPlugin<unknown>[] = [
  workflows,
  workflowPanel,
  steps,
  badges,
  underlines
];

export default plugins;
