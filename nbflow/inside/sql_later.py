"""Definitions that wait: views, macros, types … of other cells, kept as text until needed.

A lane gets them before its inputs are there, and DuckDB looks at tables when a view or macro is
made. So they are made when a statement, or Python, first asks for them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from nbflow.core.sql import ObjectKind, SqlObject, SqlStatement
from nbflow.inside.sql_catalog import quote_part

_HEAD: Final = re.compile(
    r"\A(\s*)CREATE\s+(?:OR\s+REPLACE\s+)?((?:\w+\s+){1,3}?)(?:IF\s+NOT\s+EXISTS\s+)?(?=[\w\"])",
    re.I,
)
_IF_NOT_EXISTS: Final = re.compile(r"\A\s*CREATE\s+(\w+\s+){1,3}?IF\s+NOT\s+EXISTS\b", re.I)
_KEPT: Final = frozenset(ObjectKind) - {ObjectKind.RULES}


@dataclass(slots=True)
class Later:
    """What one session was told and has not made yet, in the order in which it was told."""

    waiting: dict[str, SqlStatement] = field(default_factory=dict)

    def add(self, statement: SqlStatement) -> SqlObject | None:
        """Keep a definition in place of an earlier one; returns its object if it was kept."""
        made = statement.defines
        if made is None or made.kind not in _KEPT:
            return None
        self.waiting.pop(made.key, None)
        self.waiting[made.key] = statement
        return made

    def views(self) -> Iterator[str]:
        """The names of the views that wait, as their authors spell them."""
        for statement in self.waiting.values():
            if statement.defines is not None and statement.defines.kind is ObjectKind.VIEW:
                yield statement.creates[0].written

    def needed_by(self, statement: SqlStatement) -> list[str]:
        """The keys of what a statement may use, in order."""
        # Nobody knows what an opaque statement needs: all that it names.
        return [
            key
            for key in self.waiting
            if statement.may_use(thing := SqlObject.of(key))
            or (statement.opaque is not None and thing.last in statement.words)
        ]

    def drop_schema(self, schema: str) -> None:
        """Forget all that lies in a schema."""
        for key in list(self.waiting):
            if SqlObject.of(key).name.startswith(f"{schema}."):
                del self.waiting[key]


def stays(statement: SqlStatement) -> bool:
    """Whether a definition leaves an earlier one of its name as it is (IF NOT EXISTS)."""
    return _IF_NOT_EXISTS.match(statement.text) is not None


def replacing(statement: SqlStatement) -> SqlStatement:
    """A definition as a statement that puts itself in place of an earlier one.

    >>> replacing(SqlStatement(text="CREATE VIEW IF NOT EXISTS v AS FROM t", line=1, kind="x")).text
    'CREATE OR REPLACE VIEW v AS FROM t'
    """
    made = statement.defines
    if made is not None and made.kind is ObjectKind.SCHEMA:
        text = f"CREATE SCHEMA IF NOT EXISTS {quote_part(made.name)}"
    elif made is not None and made.kind is ObjectKind.DATABASE:
        text = re.sub(
            r"\A\s*ATTACH\s+(DATABASE\s+)?", "ATTACH IF NOT EXISTS ", statement.text, flags=re.I
        )
    else:
        text = _HEAD.sub(r"\1CREATE OR REPLACE \2", statement.text)
    return replace(statement, text=text)
