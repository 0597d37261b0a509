"""Low code as JSON: the gallery, what a form would write, and what its fields can offer."""

from collections.abc import Iterable
from typing import Any

from nbflow.core.recipe import Field, Finding, NamedTable, NewCell, Recipe
from nbflow.core.table import Column

Json = dict[str, Any]


def gallery(recipes: Iterable[Recipe]) -> Json:
    """`GET recipes`."""
    return {"recipes": [_recipe(each) for each in recipes]}


def _recipe(recipe: Recipe) -> Json:
    return {
        "name": recipe.name,
        "title": recipe.title,
        "help": recipe.help,
        "icon": recipe.icon,
        "fields": [_field(each) for each in recipe.fields],
    }


def _field(field: Field) -> Json:
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "help": field.help,
        "required": field.required,
        "default": field.default,
        "choices": [{"value": each.value, "label": each.label} for each in field.choices],
        "of": field.of,
        "fields": [_field(each) for each in field.fields],
        "when": {name: list(values) for name, values in field.when.items()},
    }


def draft(cells: Iterable[NewCell], findings: Iterable[Finding], preview: Json | None) -> Json:
    """`POST recipes/NAME`."""
    return {
        "cells": [_cell(each) for each in cells],
        "preview": preview,
        "diagnostics": [_finding(each) for each in findings],
    }


def _cell(cell: NewCell) -> Json:
    return {"cell_type": "code", "source": cell.source, "metadata": {"tags": list(cell.tags)}}


def _finding(finding: Finding) -> Json:
    return {
        "field": finding.field,
        "severity": finding.severity,
        "message": finding.message,
        "hint": finding.hint,
    }


def tables(found: Iterable[NamedTable]) -> Json:
    """`POST tables`."""
    return {"tables": [_table(each) for each in found]}


def _table(table: NamedTable) -> Json:
    return {"name": table.name, "columns": _columns(table.columns), "rows": table.rows}


def _columns(columns: Iterable[Column]) -> list[Json]:
    return [{"name": each.name, "type": each.type} for each in columns]


def template(notebook: Json) -> Json:
    """`GET template`: the notebook to start from, as nbformat has it."""
    return {"content": notebook}
