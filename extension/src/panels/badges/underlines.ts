/**
 * Findings under the lines that they are about.
 *
 * An editor exists only for cells that were on the screen: it asks for its findings when it is
 * made, and is told when they change.
 */

import type { Extension } from '@codemirror/state';
import { StateEffect, StateField } from '@codemirror/state';
import type { DecorationSet } from '@codemirror/view';
import { Decoration, EditorView } from '@codemirror/view';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Cell } from '@jupyterlab/cells';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { Text } from '@codemirror/state';

import type { INotebookWorkflow } from '../../tokens';
import { IWorkflows } from '../../tokens';
import type { Diagnostic } from '../../wire';

const SETTINGS = 'nbflow:cell-badges';

export const underlines: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:underlines',
  description: 'Underlines the lines of cells in which something was found.',
  autoStart: true,
  requires: [IWorkflows, IEditorExtensionRegistry],
  optional: [ISettingRegistry],
  activate: async (
    _: JupyterFrontEnd,
    workflows: IWorkflows,
    registry: IEditorExtensionRegistry,
    settings: ISettingRegistry | null
  ) => {
    const current = new Map<string, readonly Diagnostic[]>();
    registry.addExtension({
      name: 'nbflow-findings',
      factory: ({ model }) =>
        EditorExtensionRegistry.createImmutableExtension(
          underlined(current.get(cellId(model)) ?? NONE)
        )
    });
    const found = await settings?.load(SETTINGS);
    const follow = (workflow: INotebookWorkflow) => {
      const update = () => {
        const wanted = found?.get('underlines').composite !== false;
        tell(workflow, wanted ? (workflow.graph.graph?.diagnostics ?? NONE) : NONE, current);
      };
      workflow.graph.changed.connect(update);
      found?.changed.connect(update);
      update();
    };
    workflows.all.forEach(follow);
    workflows.opened.connect((_, workflow) => follow(workflow));
  }
};

const NONE: readonly Diagnostic[] = [];

/** The model of a cell's editor is the cell's own. */
function cellId(model: CodeEditor.IModel): string {
  return (model as Partial<Cell['model']>).id ?? '';
}

/** Remember each cell's findings, and tell the editors whose findings have changed. */
function tell(
  workflow: INotebookWorkflow,
  found: readonly Diagnostic[],
  current: Map<string, readonly Diagnostic[]>
): void {
  if (workflow.panel.isDisposed) {
    return;
  }
  for (const cell of workflow.panel.content.widgets) {
    const { id } = cell.model;
    const its = found.filter(each => each.cell === id && each.line !== null);
    if (JSON.stringify(its) !== JSON.stringify(current.get(id) ?? NONE)) {
      current.set(id, its);
      const editor = cell.editor as CodeMirrorEditor | null;
      editor?.editor.dispatch({ effects: findings.of(its) });
    }
  }
}

const findings = StateEffect.define<readonly Diagnostic[]>();

function underlined(first: readonly Diagnostic[]): Extension {
  return StateField.define<DecorationSet>({
    create: state => decorations(state.doc, first),
    update: (value, transaction) => {
      const told = transaction.effects.find(effect => effect.is(findings));
      return told === undefined
        ? value.map(transaction.changes)
        : decorations(transaction.state.doc, told.value);
    },
    provide: field => EditorView.decorations.from(field)
  });
}

function decorations(text: Text, found: readonly Diagnostic[]): DecorationSet {
  const marks = found.flatMap(each => {
    if (each.line === null || each.line < 1 || each.line > text.lines) {
      return [];
    }
    const line = text.line(each.line);
    const from = line.from + (line.text.length - line.text.trimStart().length);
    const mark = Decoration.mark({
      class: `nbflow-Underline nbflow-mod-${each.severity}`,
      attributes: { title: [each.message, each.hint].filter(Boolean).join('\n') }
    });
    return from < line.to ? [mark.range(from, line.to)] : [];
  });
  return Decoration.set(marks, true);
}
