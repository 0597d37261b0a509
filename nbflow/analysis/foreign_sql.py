"""Reading `%sql` of JupySQL: its connections and snippets stay in one kernel, the rest is free.

What JupySQL keeps (connections, `--save`d snippets, settings) stands for one object that every
cell with its magics may change. Python's names are followed both ways: what templates and tables
name is read, `name << SELECT …` binds.
"""

import re
from typing import Final

from nbflow.analysis.facts import Effect
from nbflow.analysis.sql_cells import SqlCells
from nbflow.analysis.values import UNKNOWN, Value

FOREIGN_MAGICS: Final = frozenset({"sqlcmd", "sqlplot", "sqlrender"})
ASSIGNED: Final = re.compile(r"\A\s*([^\W\d]\w*)\s*=?<<")
"""`name << SELECT …` and `name =<< SELECT …`."""

_CONNECTION: Final = "database/JupySQL"
_NBFLOW: Final = "%load_ext nbflow"
_WORD: Final = re.compile(r"[^\W\d]\w*")
_URL: Final = re.compile(r"\b[\w+]+://\S*")
_KEPT: Final = re.compile(r"--save\b|\b(VIEW|MACRO|FUNCTION)\b", re.IGNORECASE)
_IN_MEMORY: Final = re.compile(r"(duckdb|sqlite):(//|///:memory:)\Z")


class ForeignSql(SqlCells):
    """Reads what JupySQL's magics do."""

    foreign_sql: bool = False

    def load_sql_extension(self, name: str, at: int) -> None:
        """`%load_ext sql` or `%load_ext nbflow`: from now on `%sql` is theirs."""
        other = self._is_alive(_CONNECTION if name == "nbflow" else _NBFLOW)
        if other:
            self.one_lane("two extensions bring a magic `%sql`", at)
        if name == "nbflow":
            self.state.values[_NBFLOW] = Value(ref=_NBFLOW)
            return
        made = Value(objs=frozenset({f"new:{_CONNECTION}"}))
        self.bind_key(_CONNECTION, made, at)
        why = "connections of the extension `sql`"
        self.record.made.update(dict.fromkeys(made.objs, why))

    def is_foreign_sql(self, name: str) -> bool:
        """Whether a magic is JupySQL's here."""
        return (name == "sql" or name in FOREIGN_MAGICS) and self._is_alive(_CONNECTION)

    def configure_foreign_sql(self, line: str, at: int) -> bool:
        """`%config SqlMagic.… = …`; False if JupySQL is not there."""
        if not line.strip().startswith("SqlMagic") or not self._is_alive(_CONNECTION):
            return False
        self._change_connection(at)
        if re.search(r"auto(pandas|polars)\s*=\s*(True|1)", line):
            known = self.peek(_CONNECTION) or Value()
            self.state.values[_CONNECTION] = known._replace(type="tables")
        return True

    def _change_connection(self, at: int) -> None:
        self._sql_read_name(_CONNECTION, at)
        known = self.peek(_CONNECTION) or Value()
        self.record.change(known.objs, at, sure=True)

    def run_foreign_sql(self, line: str, body: str, at: int) -> Value:
        """`%sql line`, or `%%sql line` with a body; returns the result."""
        self.foreign_sql = True
        self.record.displays = True
        self._change_connection(at)
        text = f"{line}\n{body}"
        if any(not _IN_MEMORY.match(url) for url in _URL.findall(text)):
            self.record.effects.add(Effect.DATABASE)
        words = self._foreign_words(text)
        folded = {word.lower() for word in words}
        for name in self._alive():
            if name in words or (name.isidentifier() and name.lower() in folded):
                self.load(name, at)
        self._foreign_files(line, body, at)
        return self._foreign_result(line, body, at)

    def _foreign_words(self, text: str) -> set[str]:
        """All names in a text, and in those texts above that are looked at again when used."""
        known = self.peek(_CONNECTION) or Value()
        kept = known.text or ""
        if _KEPT.search(text):
            kept = f"{kept}\n{text}"
            self.state.values[_CONNECTION] = known._replace(text=kept)
        return set(_WORD.findall(f"{text}\n{kept}"))

    def _foreign_files(self, line: str, body: str, at: int) -> None:
        text = ASSIGNED.sub("", body or line)
        parsed = self.shared.parse_sql(text)
        if parsed.error is not None or any(one.opaque for one in parsed.statements):
            if "'" in text:
                self.touch_file(None, at, reads=True, writes=True)
            return
        for statement in parsed.statements:
            self.sql_outside(statement, at)

    def _foreign_result(self, line: str, body: str, at: int) -> Value:
        """A DataFrame if that was asked for, else something that holds its connection."""
        tables = (self.peek(_CONNECTION) or UNKNOWN).type == "tables"
        made = Value(
            type="DataFrame" if tables else "", objs=frozenset({f"new:{_CONNECTION}:{at}"})
        )
        if not tables:
            self.record.made.update(dict.fromkeys(made.objs, "a result of the extension `sql`"))
        for found in (ASSIGNED.match(text) for text in (line, body)):
            if found is not None:
                self.bind_key(found[1], made, at)
        return made


def is_foreign_setting(magic: str, line: str) -> bool:
    """Whether a line magic loads or configures JupySQL: that is a step's work, no definition.

    >>> is_foreign_setting("load_ext", "sql"), is_foreign_setting("load_ext", "nbflow")
    (True, False)
    """
    text = line.strip()
    if magic in ("load_ext", "reload_ext"):
        return text == "sql"
    return magic == "config" and text.startswith("SqlMagic")
