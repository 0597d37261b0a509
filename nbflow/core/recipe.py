"""What low code speaks of: recipes, the fields of their forms, and the cells that they write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nbflow.core.table import Column

FieldType = Literal[
    "text", "file", "table", "columns", "column", "choice", "number", "boolean", "sql", "list"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the values that a field offers, and what people read."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a recipe's form.

    `of` names the field whose table or file has the columns that are offered here. A `list` has
    rows, each with the `fields`. `when`: it is asked only while another field (of the same row) has
    one of these values; `*.xlsx` is every value that ends so, in letters of either case.
    """

    name: str
    label: str
    type: FieldType = "text"
    help: str = ""
    required: bool = False
    default: Any = None
    choices: tuple[Choice, ...] = ()
    of: str | None = None
    fields: tuple["Field", ...] = ()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One card of the gallery. `icon` is a word that the front end has a picture for."""

    name: str
    title: str
    help: str
    icon: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCell:
    """A code cell to be put into a notebook."""

    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTable:
    """A table that a notebook makes. Columns and rows are those of its last run; without one there
    are none."""

    name: str
    columns: tuple[Column, ...] = ()
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a recipe must know of the notebook that it writes for.

    `names`: all that the notebook binds, and `steps`: its steps' names; new ones must differ from
    them. `modules`: what it imports, module → the name it has there; `loaded`: which of them are
    imported above the new cells, and `%%sql` if that is loaded there. `tables` and `files` (paths
    as the notebook writes them) have known columns; empty where nobody knows them yet.
    """

    names: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    modules: Mapping[str, str] = field(default_factory=dict)
    loaded: frozenset[str] = frozenset()
    tables: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)
    files: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, or worth knowing, about a filled-in form. `field` is a name; for a row of a
    list `conditions.0.value`."""

    field: str
    message: str
    severity: Literal["error", "warning", "info"] = "error"
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a recipe wrote: the cells, and the query whose rows show what they will do. Without
    cells the findings say what is missing."""

    cells: tuple[NewCell, ...] = ()
    preview: str | None = None
    findings: tuple[Finding, ...] = ()
