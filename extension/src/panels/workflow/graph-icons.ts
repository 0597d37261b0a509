/** Icons of the graph's toolbar. */

import { LabIcon } from '@jupyterlab/ui-components';

const icon = (name: string, path: string) =>
  new LabIcon({
    name: `nbflow:${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
      <path class="jp-icon3" fill="#616161" d="${path}"/></svg>`
  });

export const fitIcon = icon(
  'fit',
  'M4 4h6v2H6v4H4V4zm10 0h6v6h-2V6h-4V4zM4 14h2v4h4v2H4v-6zm14 0h2v6h-6v-2h4v-4zM9 9h6v6H9V9z'
);
export const downIcon = icon('down', 'M8 3h8v5H8V3zm3 6h2v5h3l-4 4-4-4h3V9zm-6 10h14v2H5v-2z');
export const rightIcon = icon('right', 'M3 8v8h5V8H3zm6 3v2h5v3l4-4-4-4v3H9zm10-6v14h2V5h-2z');
export const pathIcon = icon(
  'path',
  'M5 3a2 2 0 0 1 2 2 2 2 0 0 1-1 1.7V11h11V8h-2l3-4 3 4h-2v5H6v3.3A2 2 0 0 1 5 20a2 2 0 0 1-1-3.7V6.7A2 2 0 0 1 5 3z'
);
export const sectionsIcon = icon('sections', 'M4 4h16v4H4V4zm4 6h12v4H8v-4zm0 6h12v4H8v-4z');
