/**
 * The models as a plugin of their own: panels, and other extensions, ask for `IWorkflows`.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';

import { Api } from './api';
import { Connection } from './request';
import { IWorkflows } from './tokens';
import { Workflows } from './workflows';

export const workflows: JupyterFrontEndPlugin<IWorkflows> = {
  id: 'nbflow:workflows',
  description: 'Reads open notebooks as workflows and follows their runs.',
  autoStart: true,
  provides: IWorkflows,
  requires: [INotebookTracker],
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker) => {
    const { serverSettings, contents } = app.serviceManager;
    const root = URLExt.join(serverSettings.baseUrl, 'nbflow', 'api');
    const api = new Api(
      new Connection((path, init) =>
        ServerConnection.makeRequest(`${root}/${path}`, init, serverSettings)
      )
    );
    return new Workflows(api, tracker, contents);
  }
};
