"""All that `nbflow check` says: the graph's own findings, and those that only a linter makes.

The graph's findings are about a run and are made at every run; these are about the text, and cost
time that a run need not spend. `CHECKS` is the pipeline; a new check is one more function in it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from nbflow.analysis.facts import CellFacts
from nbflow.analysis.lint.ignores import kept, unknown_codes
from nbflow.analysis.lint.look import Look
from nbflow.analysis.lint.order import deleted_names, function_globals, sharpened
from nbflow.analysis.lint.plain_sight import absolute_paths, secrets
from nbflow.analysis.lint.repeatable import clock, unseeded_random
from nbflow.analysis.lint.results import ambiguous_names, ambiguous_steps, unused_results
from nbflow.core.diagnostic import Diagnostic, Severity
from nbflow.core.graph import Graph
from nbflow.core.notebook import CellId, Notebook
from nbflow.core.step import CellTags

CHECKS: Final[tuple[Callable[[Look], Iterator[Diagnostic]], ...]] = (
    deleted_names,
    function_globals,
    unused_results,
    ambiguous_names,
    ambiguous_steps,
    unseeded_random,
    clock,
    secrets,
    absolute_paths,
)

_PYTHON: Final = frozenset({"python", "python3", "ipython", "ipython3"})


def lint(
    notebook: Notebook,
    graph: Graph,
    facts: tuple[CellFacts, ...],
    tags: Mapping[CellId, CellTags],
) -> tuple[Diagnostic, ...]:
    """Everything there is to say about a notebook, in notebook order.

    `graph` brings the findings of linking. What a comment silences is left out.
    """
    look = Look(notebook=notebook, graph=graph, facts=facts, tags=tags)
    if (notebook.language or "python").lower() not in _PYTHON:
        found = [_other_language(notebook), *secrets(look)]
    else:
        found = [sharpened(look, each) for each in graph.diagnostics]
        found += [each for check in CHECKS for each in check(look)]
    found += unknown_codes(notebook)
    order = list(Severity)
    told = dict.fromkeys(_without_secrets(kept(notebook, found)))
    return tuple(
        sorted(
            told,
            key=lambda d: (
                -1 if d.place.cell_index is None else d.place.cell_index,
                d.place.line or 0,
                order.index(d.severity),
                d.code,
            ),
        )
    )


def _other_language(notebook: Notebook) -> Diagnostic:
    return Diagnostic(
        code="other-language",
        severity=Severity.WARNING,
        message=f"the notebook is written in {notebook.language}: only secrets were looked for",
        hint="nbflow reads Python and SQL; choose a Python kernel in Jupyter if this is wrong",
    )


def _without_secrets(found: tuple[Diagnostic, ...]) -> Iterator[Diagnostic]:
    """A fix repeats a piece of its cell, so there is none where the cell holds a secret."""
    cells = {each.place.cell for each in found if each.code == "secret"}
    for each in found:
        yield replace(each, fix=None) if each.place.cell in cells else each
