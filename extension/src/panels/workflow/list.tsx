/**
 * The graph as a list in the notebook's order: for those who listen, and for those who like lists.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { Picture, PictureNode } from '../../models/picture';
import { Elapsed, markOf, rowsOut, StatusMark, statusWord } from '../../status';
import type { StepResult } from '../../wire';

export interface IListProps {
  picture: Picture;
  results: ReadonlyMap<string, StepResult>;
  active: string | null;
  found: ReadonlySet<string> | null;
  trans: TranslationBundle;
  onOpen: (node: PictureNode) => void;
  onMenu: (node: PictureNode, x: number, y: number) => void;
}

export function ListView(props: IListProps): React.JSX.Element {
  const { picture, found } = props;
  const nodes = picture.nodes.filter(node => found === null || found.has(node.id));
  return (
    <ol className="nbflow-List" aria-label={props.trans.__('Steps in the order of the notebook')}>
      {nodes.map(node => (
        <Row key={node.id} node={node} {...props} />
      ))}
    </ol>
  );
}

function Row({
  node,
  picture,
  results,
  active,
  trans,
  onOpen,
  onMenu
}: IListProps & { node: PictureNode }) {
  const result = node.kind === 'step' ? results.get(node.label) : undefined;
  const names = (ids: readonly string[] | undefined) =>
    (ids ?? []).flatMap(id => picture.byId.get(id)?.label ?? []).join(', ');
  const needs = names(picture.parents.get(node.id));
  return (
    <li className={`nbflow-List-row${node.id === active ? ' nbflow-mod-active' : ''}`}>
      <button
        className="nbflow-List-step"
        aria-current={node.id === active ? 'true' : undefined}
        onClick={() => onOpen(node)}
        onContextMenu={event => {
          event.preventDefault();
          event.stopPropagation();
          onMenu(node, event.clientX, event.clientY);
        }}
      >
        <StatusMark mark={markOf(result)} />
        <span className="nbflow-List-name">
          {node.kind === 'definitions' ? trans.__('Definitions') : node.label}
        </span>
        <span className="nbflow-List-needs">
          {node.kind === 'definitions' ? node.label : needs ? `← ${needs}` : ''}
        </span>
        {result && (
          <span className="nbflow-List-facts">
            <span className="nbflow-Hidden">{statusWord(markOf(result), trans)} </span>
            {rowsOut(result.outputs, trans)} <Elapsed result={result} />
          </span>
        )}
      </button>
    </li>
  );
}
