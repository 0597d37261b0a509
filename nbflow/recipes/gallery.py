"""The gallery: every recipe with the function that writes it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from nbflow.core.errors import UsageError
from nbflow.core.recipe import Recipe, Scene, Written
from nbflow.recipes.checks import CHECK, write_check
from nbflow.recipes.form import Form
from nbflow.recipes.queries import (
    AGGREGATE,
    FILTER,
    JOIN,
    QUERY,
    write_aggregate,
    write_filter,
    write_join,
    write_query,
)
from nbflow.recipes.reading import READ, write_read
from nbflow.recipes.showing import CHART, EXPORT, write_chart, write_export

_WRITERS: Final[tuple[tuple[Recipe, Callable[[Form, Scene], Written]], ...]] = (
    (READ, write_read),
    (QUERY, write_query),
    (FILTER, write_filter),
    (JOIN, write_join),
    (AGGREGATE, write_aggregate),
    (CHECK, write_check),
    (CHART, write_chart),
    (EXPORT, write_export),
)

RECIPES: Final = tuple(recipe for recipe, _ in _WRITERS)
"""In the order of a notebook: read, ask, look after, show, hand on."""


def write(name: str, values: Mapping[str, Any], scene: Scene) -> Written:
    """The cells that a filled-in form stands for; without cells the findings say what is missing.

    >>> values = {"file": "data/sales.csv"}
    >>> [cell.source for cell in write("read", values, Scene()).cells]
    ['%load_ext nbflow', "%%sql sales\\nSELECT *\\nFROM 'data/sales.csv'"]

    Raises:
        UsageError: there is no such recipe.
    """
    recipe, writer = _found(name)
    form = Form(recipe.fields, values, scene)
    form.check_rows()
    written = Written() if form.failed else writer(form, scene)
    findings = tuple(dict.fromkeys(form.findings))
    return Written(findings=findings) if form.failed else replace(written, findings=findings)


def _found(name: str) -> tuple[Recipe, Callable[[Form, Scene], Written]]:
    for recipe, writer in _WRITERS:
        if recipe.name == name:
            return recipe, writer
    names = [recipe.name for recipe in RECIPES]
    near = get_close_matches(name, names, n=1)
    raise UsageError(
        f"there is no recipe {name!r}",
        hint=f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}",
    )
