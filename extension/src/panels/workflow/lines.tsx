/**
 * Edges as lines.
 */

import React from 'react';

import type { Direction, Point } from '../../models/layout';
import type { PictureEdge } from '../../models/picture';
import { isDoubtful, isOrder } from '../../models/picture';

export interface ILineProps {
  edge: PictureEdge;
  points: readonly Point[];
  direction: Direction;
  /** Seen from so far that it can neither be pointed at nor its arrow be seen. */
  far: boolean;
  light: 'lit' | 'dim' | 'path' | null;
  /** Other edges imply it: it is drawn faintly. */
  implied: boolean;
  label: string;
  onHover: (id: string | null) => void;
  onPin: (id: string) => void;
}

export const Line = React.memo(function Line(props: ILineProps): React.JSX.Element {
  const { edge, light } = props;
  const path = curve(props.points, props.direction);
  const kinds = [
    isDoubtful(edge) ? ' nbflow-mod-may' : '',
    isOrder(edge) ? ' nbflow-mod-order' : '',
    light === null ? '' : ` nbflow-mod-${light}`,
    props.implied && light === null ? ' nbflow-mod-implied' : ''
  ];
  return (
    <g className={`nbflow-Line${kinds.join('')}`} data-edge={edge.id}>
      <path
        className="nbflow-Line-path"
        d={path}
        markerEnd={props.far ? undefined : 'url(#nbflow-arrow)'}
      />
      {!props.far && (
        <path
          className="nbflow-Line-reach"
          d={path}
          role="img"
          aria-label={props.label}
          onMouseEnter={() => props.onHover(edge.id)}
          onMouseLeave={() => props.onHover(null)}
          onClick={event => {
            event.stopPropagation();
            props.onPin(edge.id);
          }}
        />
      )}
    </g>
  );
});

/** A soft line through all points: it leaves and arrives in the direction of the graph. */
export function curve(points: readonly Point[], direction: Direction): string {
  const [first, ...rest] = points;
  if (first === undefined) {
    return '';
  }
  let text = `M${round(first.x)},${round(first.y)}`;
  let at = first;
  for (const to of rest) {
    const [a, b] =
      direction === 'TB'
        ? [
            { x: at.x, y: (at.y + to.y) / 2 },
            { x: to.x, y: (at.y + to.y) / 2 }
          ]
        : [
            { x: (at.x + to.x) / 2, y: at.y },
            { x: (at.x + to.x) / 2, y: to.y }
          ];
    text += `C${[a, b, to].map(point => `${round(point.x)},${round(point.y)}`).join(' ')}`;
    at = to;
  }
  return text;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The point of a line at half its length of corners: where its label stands. */
export function middle(points: readonly Point[]): Point {
  const before = points[Math.floor((points.length - 1) / 2)] ?? { x: 0, y: 0 };
  const after = points[Math.ceil((points.length - 1) / 2)] ?? before;
  return { x: (before.x + after.x) / 2, y: (before.y + after.y) / 2 };
}
