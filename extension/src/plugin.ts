/**
 * The models as a plugin of their own: panels, and other extensions, ask for `IWorkflows`.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';

import { Api } from './api';
import { Connection } from './request';
import type { EventFeed } from './models/feed';
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
    const workflows = new Workflows(api, tracker, contents);
    restWhenHidden(workflows.feed);
    return workflows;
  }
};

/** A look at another tab and back is no reason to let go. */
const REST_AFTER = 60_000;

/**
 * A browser has six connections for a server: a tab that nobody sees gives its own back, and hears
 * what it has missed when it is looked at again.
 */
function restWhenHidden(feed: EventFeed): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let resting = false;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => {
        resting = feed.listening;
        feed.stop();
      }, REST_AFTER);
    } else if (resting) {
      resting = false;
      feed.start();
    }
  });
}
