/**
 * What an edge says of itself: the names that cause it and, opened, the sentences, too.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useState } from 'react';

import { isDeniable, PURE } from '../../models/denial';
import type { PictureEdge } from '../../models/picture';
import { edgeNames } from '../../models/picture';
import type { Edge } from '../../wire';
import type { Size } from './view';

export interface IEdgeLabelProps {
  edge: PictureEdge;
  at: { x: number; y: number };
  size: Size;
  open: boolean;
  trans: TranslationBundle;
  onClose: () => void;
  onDeny: ((edge: Edge) => Promise<boolean>) | null;
}

export function EdgeLabel(props: IEdgeLabelProps): React.JSX.Element {
  const { edge, at, size, open, trans, onDeny } = props;
  const names = edgeNames(edge).join(', ') || trans.__('order');
  const left = Math.min(Math.max(at.x, 8), Math.max(size.width - 8, 8));
  const side = left < size.width / 3 ? 'left' : left > (2 * size.width) / 3 ? 'right' : 'middle';
  if (!open) {
    return (
      <div className={`nbflow-EdgeLabel nbflow-mod-${side}`} style={{ left, top: at.y }}>
        {names}
      </div>
    );
  }
  return (
    <div
      className={`nbflow-Popover nbflow-mod-${side}`}
      role="dialog"
      aria-label={names}
      style={{ left, top: Math.min(at.y + 8, Math.max(size.height - 120, 0)) }}
    >
      <button
        className="nbflow-Popover-close jp-Button"
        aria-label={trans.__('Close')}
        onClick={props.onClose}
      >
        ×
      </button>
      {edge.edges.map((each, at) => (
        <div key={at} className="nbflow-Popover-cause">
          <strong>{each.names.join(', ') || trans.__('order')}</strong>
          {each.certainty !== 'sure' && (
            <span className="nbflow-Chip">
              {each.certainty === 'may' ? trans.__('may') : trans.__('learned by a run')}
            </span>
          )}
          <div>{each.because}</div>
          {onDeny !== null && isDeniable(each) && (
            <Denial edge={each} trans={trans} onDeny={onDeny} />
          )}
        </div>
      ))}
    </div>
  );
}

interface IDenialProps {
  edge: Edge;
  trans: TranslationBundle;
  onDeny: (edge: Edge) => Promise<boolean>;
}

/** Runs find out by themselves; whoever knows already says it with a click. */
function Denial({ edge, trans, onDeny }: IDenialProps): React.JSX.Element {
  const [state, setState] = useState<'asked' | 'refused' | null>(null);
  if (state === 'refused') {
    return (
      <p className="nbflow-Popover-note" role="status">
        {trans.__('No call stands behind this doubt: a run will find out.')}
      </p>
    );
  }
  const deny = async () => {
    setState('asked');
    const done = await onDeny(edge).catch(() => false);
    setState(done ? null : 'refused');
  };
  return (
    <button
      className="nbflow-Popover-deny jp-mod-styled jp-Button"
      disabled={state === 'asked'}
      title={trans.__(
        'Write %1 on the line that only seems to change it; Ctrl+Z takes it back',
        PURE
      )}
      onClick={() => void deny()}
    >
      {trans.__('Not true')}
    </button>
  );
}
