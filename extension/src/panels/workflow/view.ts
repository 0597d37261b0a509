/**
 * The window through which a drawing is seen: moved, zoomed, fitted. Pure.
 */

import type { Layout, Placed, Point } from '../../models/layout';

export interface View extends Point {
  /** `x` and `y` are where the drawing's origin stands on the screen; `zoom` how large it is. */
  zoom: number;
}

export interface Size {
  width: number;
  height: number;
}

export const CLOSEST = 2;
export const FARTHEST = 0.08;
/** Below this only names can be read: details are left out. */
export const FAR = 0.5;
/** What is opened for the first time can be read. */
const READABLE = 0.85;
const EDGE = 24;

/** The whole drawing in the middle. */
export function fitted(layout: Layout, size: Size): View {
  const zoom = within(
    Math.min(size.width / (layout.width || 1), size.height / (layout.height || 1), 1)
  );
  return {
    zoom,
    x: (size.width - layout.width * zoom) / 2,
    y: Math.max((size.height - layout.height * zoom) / 2, 0)
  };
}

/** As `fitted`, but readable: of what does not fit, the surroundings of `first` are seen. */
export function opened(layout: Layout, size: Size, first: string | null): View {
  const all = fitted(layout, size);
  if (all.zoom >= READABLE) {
    return { ...all, y: Math.min(all.y, EDGE) };
  }
  const box = (first === null ? undefined : layout.boxes.get(first)) ?? null;
  const along = (from: number, length: number, all: number, window: number) =>
    all * READABLE <= window
      ? (window - all * READABLE) / 2
      : clamp(window / 2 - (from + length / 2) * READABLE, window - all * READABLE, 0);
  return {
    zoom: READABLE,
    x: along(box?.x ?? 0, box?.width ?? 0, layout.width, size.width),
    y: along(box?.y ?? 0, box?.height ?? 0, layout.height, size.height)
  };
}

/** Closer or farther, while what is under `at` stays there. */
export function zoomed(view: View, factor: number, at: Point): View {
  const zoom = within(view.zoom * factor);
  const grown = zoom / view.zoom;
  return { zoom, x: at.x - (at.x - view.x) * grown, y: at.y - (at.y - view.y) * grown };
}

/** Moved so that a box is seen as a whole, as little as possible. */
export function showing(view: View, box: Placed, size: Size): View {
  const slide = (from: number, length: number, window: number) => {
    const end = from + length;
    return from < EDGE ? EDGE - from : end > window - EDGE ? window - EDGE - end : 0;
  };
  const [left, top] = [view.x + box.x * view.zoom, view.y + box.y * view.zoom];
  return {
    zoom: view.zoom,
    x: view.x + slide(left, box.width * view.zoom, size.width),
    y: view.y + slide(top, box.height * view.zoom, size.height)
  };
}

export interface Rectangle extends Point, Size {}

/** The part of the drawing that is seen, and some more, in steps: small moves leave it as it is. */
export function seen(view: View, size: Size): Rectangle {
  const step = 240 / view.zoom;
  const from = (offset: number) => (Math.floor(-offset / view.zoom / step) - 1) * step;
  return {
    x: from(view.x),
    y: from(view.y),
    width: size.width / view.zoom + 3 * step,
    height: size.height / view.zoom + 3 * step
  };
}

export function meets(a: Rectangle, b: Rectangle): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** The smallest rectangle around a line. */
export function around(points: readonly Point[]): Rectangle {
  const [xs, ys] = [points.map(each => each.x), points.map(each => each.y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x + 1, height: Math.max(...ys) - y + 1 };
}

function within(zoom: number): number {
  return clamp(zoom, FARTHEST, CLOSEST);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
