/**
 * Layouts, of small graphs at once and of large ones by a worker; the last ones are kept.
 */

import type { Layout, LayoutRequest } from '../../models/layout';
import { key, layout } from '../../models/layout';

/** Up to here a layout takes less time than sending it away would. */
const FEW = 40;
/** A few notebooks, each in both directions. */
const KEPT = 12;

const known = new Map<string, Layout>();

/** The layout, if it is at hand. */
export function arrangedNow(request: LayoutRequest): Layout | null {
  const name = key(request);
  const found = known.get(name);
  if (found !== undefined) {
    return found;
  }
  return request.boxes.length <= FEW ? keep(name, layout(request)) : null;
}

export async function arranged(request: LayoutRequest): Promise<Layout> {
  return arrangedNow(request) ?? keep(key(request), await apart(request));
}

function keep(name: string, made: Layout): Layout {
  known.delete(name);
  known.set(name, made);
  for (const old of [...known.keys()].slice(0, -KEPT)) {
    known.delete(old);
  }
  return made;
}

let worker: Worker | null = null;
let last = 0;

/** By the worker; where the page may have none, here. */
function apart(request: LayoutRequest): Promise<Layout> {
  const id = ++last;
  return new Promise<Layout>((resolve, reject) => {
    const hired = (worker ??= hire());
    const onMessage = ({ data }: MessageEvent<{ id: number; layout: Layout }>) => {
      if (data.id === id) {
        done();
        resolve(data.layout);
      }
    };
    const onError = () => {
      done();
      reject(new Error('no worker'));
    };
    const done = () => {
      hired.removeEventListener('message', onMessage);
      hired.removeEventListener('error', onError);
    };
    hired.addEventListener('message', onMessage);
    hired.addEventListener('error', onError);
    hired.postMessage({ id, request });
  }).catch(() => layout(request));
}

function hire(): Worker {
  return new Worker(new URL('./layout-worker.js', import.meta.url));
}
