/**
 * The graph as a drawing: cards and lines that can be moved, zoomed, searched and walked.
 *
 * Only what is seen is in the document, so that five hundred steps are as quick as five.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';

import { useSize, useStable } from '../../hooks';
import type { Direction, Layout, LayoutRequest, Placed } from '../../models/layout';
import { lineOf, moved, NOTHING, walk } from '../../models/layout';
import type { ShownResult } from '../../models/outlook';
import type { Items } from '../../models/run';
import type { Picture, PictureEdge, PictureNode } from '../../models/picture';
import { edgeNames } from '../../models/picture';
import type { Mark } from '../../status';
import { markOf, stateWord } from '../../status';
import type { Edge } from '../../wire';
import { arranged, arrangedNow } from './arrange';
import type { Light } from './card';
import { Card, CARD_WIDTH, cardHeight } from './card';
import { EdgeLabel } from './edge-label';
import { Line, middle } from './lines';
import type { Size, View } from './view';
import { around, FAR, fitted, meets, opened, seen, showing, zoomed } from './view';

export interface IGraphProps {
  picture: Picture;
  results: ReadonlyMap<string, ShownResult>;
  items: ReadonlyMap<string, Items>;
  /** The worst finding on each cell. */
  trouble: ReadonlyMap<string, 'error' | 'warning'>;
  direction: Direction;
  /** The node of the notebook's active cell. */
  active: string | null;
  /** What a search has found; null where nothing is searched. */
  found: ReadonlySet<string> | null;
  /** The nodes of the critical path, in order. */
  path: readonly string[];
  /** Each new number asks for all of it to be shown. */
  fit: number;
  trans: TranslationBundle;
  onOpen: (node: PictureNode) => void;
  onMenu: (node: PictureNode, x: number, y: number) => void;
  onUnfold: (section: string) => void;
  onKey: (node: PictureNode, key: string) => boolean;
  /** Say that an edge is not true; null where nothing can be said. */
  onDeny: ((edge: Edge) => Promise<boolean>) | null;
}

export function GraphView(props: IGraphProps): React.JSX.Element {
  const { picture, trans, direction } = props;
  const frame = useRef<HTMLDivElement>(null);
  const size = useSize(frame);
  const layout = useLayout(picture, direction);
  const { view, setView, still } = useView(frame, layout, size, props);
  const [focus, setFocus] = useFocus(frame, props, layout, size, setView);
  const [hovered, setHovered] = useState<string | null>(null);
  const [pinned, setPinned] = useState<string | null>(null);

  const onOpen = useStable((id: string) => {
    const node = picture.byId.get(id);
    if (node !== undefined && !still.current) {
      setPinned(null);
      props.onOpen(node);
    }
  });
  const onMenu = useStable((id: string, x: number, y: number) => {
    const node = picture.byId.get(id);
    if (node !== undefined) {
      props.onMenu(node, x, y);
    }
  });
  const onUnfold = useStable(props.onUnfold);
  const onPin = useStable((id: string) => setPinned(pinned === id ? null : id));

  const far = view.zoom < FAR;
  const area = seen(view, size);
  const areaKey = `${area.x} ${area.y} ${area.width} ${area.height}`;
  const boxes = useMemo(
    () => [...layout.boxes.values()].filter(box => meets(box, area)),
    [layout, areaKey]
  );
  const edges = useMemo(
    () => picture.edges.filter(edge => meets(around(lineOf(layout, edge, direction)), area)),
    [layout, picture, direction, areaKey]
  );
  const lights = useMemo(() => lightsOf(props), [picture, props.active, props.found, props.path]);
  const shown = [...new Set([hovered, pinned])].flatMap(
    id => (id !== null && picture.byEdge.get(id)) || []
  );

  return (
    <div
      className={`nbflow-Graph${far ? ' nbflow-mod-far' : ''}${boxes.length < MANY ? ' nbflow-mod-few' : ''}`}
      ref={frame}
      role="group"
      aria-label={trans.__('Workflow graph: arrow keys walk along the edges, Enter shows the cell')}
      onKeyDown={event => walkOn(event, props, layout, focus ?? props.active, setFocus, setPinned)}
    >
      <div
        className="nbflow-Graph-drawing"
        style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.zoom})` }}
      >
        <Drawing
          picture={picture}
          layout={layout}
          boxes={boxes}
          edges={edges}
          direction={direction}
          far={far}
          results={props.results}
          items={props.items}
          trouble={props.trouble}
          active={props.active}
          found={props.found}
          path={props.path}
          lights={lights}
          hovered={hovered}
          pinned={pinned}
          tabStop={focus ?? props.active ?? picture.nodes[0]?.id}
          trans={trans}
          onOpen={onOpen}
          onFocus={setFocus}
          onMenu={onMenu}
          onUnfold={onUnfold}
          onHover={setHovered}
          onPin={onPin}
        />
      </div>
      {shown.map(edge => (
        <EdgeLabel
          key={edge.id}
          edge={edge}
          at={screen(middle(lineOf(layout, edge, direction)), view)}
          size={size}
          open={edge.id === pinned}
          trans={trans}
          onClose={() => setPinned(null)}
          onDeny={props.onDeny}
        />
      ))}
    </div>
  );
}

type Shared =
  'picture' | 'results' | 'items' | 'trouble' | 'direction' | 'active' | 'found' | 'path' | 'trans';

interface IDrawingProps extends Pick<IGraphProps, Shared> {
  layout: Layout;
  /** Only names can be read: all else is left out. */
  far: boolean;
  /** The cards and lines that are seen. */
  boxes: readonly Placed[];
  edges: readonly PictureEdge[];
  lights: ReadonlyMap<string, Light>;
  hovered: string | null;
  pinned: string | null;
  /** The card that the keyboard comes to. */
  tabStop: string | undefined;
  onOpen: (id: string) => void;
  onFocus: (id: string) => void;
  onMenu: (id: string, x: number, y: number) => void;
  onUnfold: (section: string) => void;
  onHover: (id: string | null) => void;
  onPin: (id: string) => void;
}

/** What is drawn. It does not know where it stands: while it is moved, nothing of it is looked at. */
const Drawing = React.memo(function Drawing(props: IDrawingProps): React.JSX.Element {
  const { picture, layout, direction, trans, hovered, pinned } = props;
  return (
    <>
      <svg width={layout.width} height={layout.height} aria-hidden="true">
        <defs>
          <marker
            id="nbflow-arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto"
          >
            <path d="M0.5 0.8L7 4L0.5 7.2z" fill="context-stroke" />
          </marker>
        </defs>
        {props.edges.map(edge => (
          <Line
            key={edge.id}
            edge={edge}
            points={lineOf(layout, edge, direction)}
            direction={direction}
            far={props.far}
            light={lineLight(edge, props, hovered, pinned)}
            implied={layout.implied.has(edge.id)}
            label={edgeNames(edge).join(', ')}
            onHover={props.onHover}
            onPin={props.onPin}
          />
        ))}
      </svg>
      {props.boxes.map(box => {
        const node = picture.byId.get(box.id);
        return (
          node && (
            <Card
              key={box.id}
              node={node}
              box={box}
              far={props.far}
              result={node.kind === 'step' ? props.results.get(node.label) : undefined}
              items={node.kind === 'step' ? props.items.get(node.label) : undefined}
              marks={marksOf(node, props.results)}
              light={props.lights.get(box.id) ?? null}
              trouble={troubleOf(node, props.trouble)}
              focusable={box.id === props.tabStop}
              label={describe(node, picture, props.results, trans)}
              trans={trans}
              onOpen={props.onOpen}
              onFocus={props.onFocus}
              onMenu={props.onMenu}
              onUnfold={props.onUnfold}
            />
          )
        );
      })}
    </>
  );
});

export function request(picture: Picture, direction: Direction): LayoutRequest {
  const boxes = picture.nodes.map(node => ({
    id: node.id,
    width: CARD_WIDTH,
    height: cardHeight(node)
  }));
  const edges = picture.edges.map(({ id, from, to }) => ({ id, from, to }));
  return { boxes, edges, direction };
}

/** The layout of what is drawn; a large one comes a moment later, until then the former stays. */
function useLayout(picture: Picture, direction: Direction): Layout {
  const [late, setLate] = useState(NOTHING);
  const asked = useMemo(() => request(picture, direction), [picture, direction]);
  const now = useMemo(() => arrangedNow(asked), [asked]);
  useEffect(() => {
    let wanted = true;
    void arranged(asked).then(layout => {
      if (wanted) {
        setLate(layout);
      }
    });
    return () => {
      wanted = false;
    };
  }, [asked]);
  return now ?? late;
}

/** Where the drawing stands: the person moves it, and it follows the layout meanwhile. */
function useView(
  frame: React.RefObject<HTMLDivElement>,
  layout: Layout,
  size: Size,
  { picture, active, direction, fit }: IGraphProps
) {
  const [view, setView] = useState<View>({ x: 0, y: 0, zoom: 1 });
  const before = useRef({ layout: NOTHING, direction, width: 0, fit });
  const still = useDrag(frame, setView);

  useLayoutEffect(() => {
    const was = before.current;
    before.current = { layout, direction, width: size.width, fit };
    if (size.width === 0) {
      before.current = was;
    } else if (fit !== was.fit) {
      setView(fitted(layout, size));
    } else if (was.layout.boxes.size === 0 || direction !== was.direction || was.width === 0) {
      const first = picture.nodes.find(node => node.kind !== 'definitions')?.id ?? null;
      setView(opened(layout, size, active ?? first));
    } else if (layout !== was.layout) {
      const shift = moved(was.layout, layout, active);
      setView(now => ({
        ...now,
        x: now.x - shift.x * now.zoom,
        y: now.y - shift.y * now.zoom
      }));
    }
  }, [layout, direction, size.width, size.height, fit]);

  useEffect(() => {
    const box = active === null ? undefined : layout.boxes.get(active);
    if (box !== undefined && size.width > 0) {
      setView(now => showing(now, box, size));
    }
  }, [active]);

  return { view, setView, still };
}

/** With so many cards, to move them as one picture would cost more than to draw them anew. */
const MANY = 80;
/** In milliseconds: what has not moved for so long is drawn sharply again. */
const STILL_AFTER = 150;

/** Dragging moves, the wheel moves, with Ctrl or by pinching it zooms. */
function useDrag(
  frame: React.RefObject<HTMLDivElement>,
  setView: React.Dispatch<React.SetStateAction<View>>
): React.RefObject<boolean> {
  const dragged = useRef(false);
  useEffect(() => {
    const element = frame.current;
    if (element === null) {
      return;
    }
    let rest: ReturnType<typeof setTimeout> | undefined;
    const move = () => {
      clearTimeout(rest);
      element.classList.add('nbflow-mod-moving');
      rest = setTimeout(() => element.classList.remove('nbflow-mod-moving'), STILL_AFTER);
    };
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      move();
      const { left, top } = element.getBoundingClientRect();
      const at = { x: event.clientX - left, y: event.clientY - top };
      setView(view =>
        event.ctrlKey || event.metaKey
          ? zoomed(view, Math.exp(-event.deltaY / 300), at)
          : { ...view, ...turned(view, event) }
      );
    };
    const onDown = (event: PointerEvent) => {
      dragged.current = false;
      if (event.button !== 0 || (event.target as Element).closest('.nbflow-Popover')) {
        return;
      }
      let [x, y] = [event.clientX, event.clientY];
      const [fromX, fromY] = [x, y];
      const onMove = (to: PointerEvent) => {
        const [dx, dy] = [to.clientX - x, to.clientY - y];
        const far = Math.hypot(to.clientX - fromX, to.clientY - fromY) > 4;
        dragged.current = dragged.current || far;
        if (dragged.current) {
          element.classList.add('nbflow-mod-dragged');
          move();
          [x, y] = [to.clientX, to.clientY];
          setView(view => ({ ...view, x: view.x + dx, y: view.y + dy }));
        }
      };
      const onUp = () => {
        element.classList.remove('nbflow-mod-dragged');
        document.removeEventListener('pointermove', onMove);
        document.removeEventListener('pointerup', onUp);
      };
      document.addEventListener('pointermove', onMove);
      document.addEventListener('pointerup', onUp);
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    element.addEventListener('pointerdown', onDown);
    return () => {
      clearTimeout(rest);
      element.removeEventListener('wheel', onWheel);
      element.removeEventListener('pointerdown', onDown);
    };
  }, []);
  return dragged;
}

function turned(view: View, event: WheelEvent): { x: number; y: number } {
  const [dx, dy] = event.shiftKey ? [event.deltaY, event.deltaX] : [event.deltaX, event.deltaY];
  return { x: view.x - dx, y: view.y - dy };
}

/** The card that has the keyboard; one that is out of sight is shown first. */
function useFocus(
  frame: React.RefObject<HTMLDivElement>,
  { picture }: IGraphProps,
  layout: Layout,
  size: Size,
  setView: React.Dispatch<React.SetStateAction<View>>
): [string | null, (id: string) => void] {
  const [focus, setFocus] = useState<string | null>(null);
  useEffect(() => {
    const box = focus === null ? undefined : layout.boxes.get(focus);
    if (box !== undefined) {
      setView(view => showing(view, box, size));
    }
  }, [focus]);
  useEffect(() => {
    const inside = frame.current?.contains(document.activeElement) ?? false;
    if (focus !== null && inside && document.activeElement?.getAttribute('data-node') !== focus) {
      const cards = frame.current?.querySelectorAll<HTMLElement>('.nbflow-Card') ?? [];
      Array.from(cards)
        .find(card => card.dataset.node === focus)
        ?.focus({ preventScroll: true });
    }
  });
  const known = focus !== null && picture.byId.has(focus) ? focus : null;
  return [known, useCallback((id: string) => setFocus(id), [])];
}

function walkOn(
  event: React.KeyboardEvent,
  props: IGraphProps,
  layout: Layout,
  at: string | null,
  setFocus: (id: string) => void,
  setPinned: (id: string | null) => void
): void {
  const { picture, direction } = props;
  const here = at ?? picture.nodes[0]?.id;
  const node = here === undefined ? undefined : picture.byId.get(here);
  if (node === undefined) {
    return;
  }
  const along = { forward: picture.children, back: picture.parents };
  const keys =
    direction === 'TB'
      ? { ArrowDown: 'forward', ArrowUp: 'back', ArrowRight: 'after', ArrowLeft: 'before' }
      : { ArrowRight: 'forward', ArrowLeft: 'back', ArrowDown: 'after', ArrowUp: 'before' };
  const step = keys[event.key as keyof typeof keys] as
    'forward' | 'back' | 'before' | 'after' | undefined;
  const ends = { Home: picture.nodes[0].id, End: picture.nodes.at(-1)?.id ?? null };
  let done = true;
  if (step !== undefined) {
    const next = step === 'forward' || step === 'back' ? (along[step].get(node.id) ?? []) : [];
    const to = walk(layout, direction, node.id, step, next);
    if (to !== null) {
      setFocus(to);
    }
  } else if (event.key === 'Home' || event.key === 'End') {
    setFocus(ends[event.key] ?? node.id);
  } else if (event.key === 'Enter' || event.key === ' ') {
    props.onOpen(node);
  } else if (event.key === 'Escape') {
    setPinned(null);
  } else {
    done = props.onKey(node, event.key);
  }
  if (done) {
    event.preventDefault();
    event.stopPropagation();
  }
}

function lightsOf({ picture, active, found, path }: IGraphProps): ReadonlyMap<string, Light> {
  if (found !== null) {
    return new Map(picture.nodes.map(({ id }) => [id, found.has(id) ? 'found' : 'dim']));
  }
  if (path.length > 0) {
    return new Map(picture.nodes.map(({ id }) => [id, path.includes(id) ? 'path' : 'dim']));
  }
  const lights = new Map<string, Light>();
  if (active !== null) {
    picture.parents.get(active)?.forEach(id => lights.set(id, 'parent'));
    picture.children.get(active)?.forEach(id => lights.set(id, 'child'));
    lights.set(active, 'active');
  }
  return lights;
}

function lineLight(
  edge: PictureEdge,
  { active, found, path }: Pick<IGraphProps, 'active' | 'found' | 'path'>,
  hovered: string | null,
  pinned: string | null
): 'lit' | 'dim' | 'path' | null {
  if (edge.id === hovered || edge.id === pinned) {
    return 'lit';
  }
  if (path.length > 0) {
    return path.indexOf(edge.to) > 0 && path[path.indexOf(edge.to) - 1] === edge.from
      ? 'path'
      : 'dim';
  }
  if (found !== null) {
    return 'dim';
  }
  return edge.from === active || edge.to === active ? 'lit' : null;
}

/** What stands for several steps shows how they went; a step has a result of its own. */
function marksOf(node: PictureNode, results: ReadonlyMap<string, ShownResult>): readonly Mark[] {
  return node.kind !== 'step' ? node.steps.map(step => markOf(results.get(step.name))) : NO_MARKS;
}

const NO_MARKS: readonly Mark[] = [];

function troubleOf(
  node: PictureNode,
  trouble: ReadonlyMap<string, 'error' | 'warning'>
): 'error' | 'warning' | null {
  const found = node.cells.flatMap(cell => trouble.get(cell) ?? []);
  return found.includes('error') ? 'error' : (found[0] ?? null);
}

/** A node in a sentence, for those who hear it. */
export function describe(
  node: PictureNode,
  picture: Picture,
  results: ReadonlyMap<string, ShownResult>,
  trans: TranslationBundle
): string {
  const names = (ids: readonly string[] | undefined) =>
    (ids ?? []).flatMap(id => picture.byId.get(id)?.label ?? []).join(', ');
  const [needs, feeds] = [picture.parents.get(node.id), picture.children.get(node.id)].map(names);
  const parts = [
    node.kind === 'definitions' ? trans.__('Definitions: %1', node.label) : node.label,
    ...(node.kind === 'step'
      ? [
          node.steps[0].title ?? '',
          node.steps[0].language,
          stateWord(results.get(node.label), trans)
        ]
      : []),
    needs ? trans.__('needs %1', needs) : '',
    feeds ? trans.__('feeds %1', feeds) : ''
  ];
  return parts.filter(Boolean).join('; ');
}

function screen(point: { x: number; y: number }, view: View): { x: number; y: number } {
  return { x: view.x + point.x * view.zoom, y: view.y + point.y * view.zoom };
}
