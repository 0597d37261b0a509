/** Lays out large graphs beside the page, so that typing never waits for a drawing. */

import type { LayoutRequest } from '../../models/layout';
import { layout } from '../../models/layout';

addEventListener('message', ({ data }: MessageEvent<{ id: number; request: LayoutRequest }>) => {
  postMessage({ id: data.id, layout: layout(data.request) });
});
