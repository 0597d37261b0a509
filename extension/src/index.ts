/**
 * The extension: small plugins, one for each thing that people see.
 */

import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { workflowPanel } from './panels/workflow/plugin';
import { workflows } from './plugin';

export * from './tokens';

// Each plugin has its own type of service; Lab takes them as unknown.
const plugins: JupyterFrontEndPlugin<unknown>[] = [workflows, workflowPanel];

export default plugins;
