/** Icons of our own: drawn in Lab's icon colours, so that themes reach them. */

import { LabIcon } from '@jupyterlab/ui-components';

const icon = (name: string, body: string) =>
  new LabIcon({
    name: `nbflow:${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">${body}</svg>`
  });

/** Three steps, one of which feeds the two others. */
export const workflowIcon = icon(
  'workflow',
  `<g class="jp-icon3" fill="#616161">
    <path d="M9 3h6v5h-2v3h5a1 1 0 0 1 1 1v4h2v5h-6v-5h2v-3H7v3h2v5H3v-5h2v-4a1 1 0 0 1 1-1h5V8H9z"/>
  </g>`
);

/** The same as an image, which themes do not reach: in the orange of Lab's notebooks. */
export const workflowImage = `data:image/svg+xml,${encodeURIComponent(
  workflowIcon.svgstr.replace('#616161', '#F37726')
)}`;

/** The same, to be run. */
export const runWorkflowIcon = icon(
  'run-workflow',
  `<g class="jp-icon3" fill="#616161">
    <path d="M3 3h6v5H7v3h3v2H7v3h2v5H3v-5h2V8H3z"/>
    <path d="M12 6v12l9-6z"/>
  </g>`
);

/** A run that is kept, or may be. */
export const keepIcon = icon(
  'keep',
  `<path class="jp-icon3" fill="#616161" d="M17 3H7a2 2 0 0 0-2 2v16l7-3 7 3V5a2 2 0 0 0-2-2m0 15-5-2.2L7 18V5h10z"/>`
);

export const keptIcon = icon(
  'kept',
  `<path class="jp-icon3" fill="#616161" d="M17 3H7a2 2 0 0 0-2 2v16l7-3 7 3V5a2 2 0 0 0-2-2"/>`
);

/** To what a step needs, above it, and to what it feeds, below: in the colour of the text around. */
export const needsIcon = icon('needs', `<path fill="currentColor" d="M12 2l9 10h-6v10H9V12H3z"/>`);

export const feedsIcon = icon('feeds', `<path fill="currentColor" d="M12 22l-9-10h6V2h6v10h6z"/>`);

/** A cell and what it showed. */
export const outputsIcon = icon(
  'outputs',
  `<path class="jp-icon3" fill="#616161" d="M4 4h16v6H4V4zm2 2v2h12V6H6zm-2 6h2v6h14v2H4v-8zm4 0h12v4H8v-4z"/>`
);
