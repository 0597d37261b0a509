"""`%load_ext nbflow`: `%%sql`, `%sql`, `%nbflow`, and table names on Tab.

The work is `inside/sql.py`'s; open notebooks and the lanes of runs register this same face. Around
every cell the session is told what comes (so that SQL results are there for Python) and looks at
what was left (so that SQL sees what Python changed).
"""

import re
import shlex
from typing import TYPE_CHECKING, Any, Final

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

from nbflow.core.errors import NbflowError, UsageError
from nbflow.inside.found_reads import foreseen, words_of
from nbflow.inside.sql import SqlSession

if TYPE_CHECKING:
    import pandas as pd

_COMMANDS: Final = ("show", "check", "runs")
_LATER: Final = "--later"
"""What lanes replay: definitions of other cells, to be made when a statement needs them."""

_TAIL: Final = re.compile(r"[^\W\d][\w.]*\Z")


def load_ipython_extension(ipython: Any) -> None:
    """Register everything in an open notebook; in a lane it is registered already."""
    if session_of(ipython) is None:
        from nbflow.project import parse_sql

        register(ipython, SqlSession(ipython.user_ns, parse=parse_sql))


def register(ipython: Any, session: SqlSession) -> None:
    """Make a session the one of this kernel's `%%sql`."""
    ipython.register_magics(SqlMagics(ipython, session))
    watch = _Watch(ipython, session)
    ipython.events.register("pre_run_cell", watch.before)
    ipython.events.register("post_run_cell", watch.after)
    ipython.Completer.custom_matchers.append(_matcher(session))


def session_of(ipython: Any) -> SqlSession | None:
    """The session that was registered in this kernel, if any."""
    magics = ipython.magics_manager.registry.get("SqlMagics")
    return magics.session if isinstance(magics, SqlMagics) else None


class _Watch:
    """Brings Python and SQL together around every cell."""

    def __init__(self, ipython: Any, session: SqlSession) -> None:
        self._ipython, self._session = ipython, session

    def before(self, info: Any) -> None:
        """What SQL holds and the coming cell reads, Python gets."""
        source = info.raw_cell or ""
        self._session.settle()  # what ran silently since the last cell
        self._session.expect(words_of(source))
        self._session.materialise(
            foreseen(source, self._ipython.user_ns, wanted=self._session.names())
        )

    def after(self, *_: object) -> None:
        """What the cell changed, SQL sees."""
        self._session.expect(())
        self._session.settle()


@magics_class
class SqlMagics(Magics):
    """The magics of one kernel."""

    def __init__(self, shell: Any, session: SqlSession) -> None:
        super().__init__(shell)
        self.session = session

    @no_var_expand  # IPython would paste values into the text: `$day` is bound, never text
    @line_cell_magic
    def sql(self, line: str, cell: str | None = None) -> "pd.DataFrame | None":
        """`%%sql [NAME]`: run SQL, and keep the last result as NAME or show it. `%sql TEXT`."""
        __tracebackhide__ = True
        try:
            if cell is None:
                return self.session.run(line)
            if line.strip() == _LATER:
                self.session.define(cell)
                return None
            return self.session.run(cell, name=_result_name(line))
        except NbflowError as error:
            if error.hint:
                error.add_note(f"hint: {error.hint}")
            raise

    @line_magic
    def nbflow(self, line: str) -> None:
        """`%nbflow show|check NOTEBOOK`, `%nbflow runs`: what the command line shows."""
        from nbflow.faces.cli import main

        words = shlex.split(line)
        if not words or words[0] not in _COMMANDS:
            raise UsageError(
                f"%nbflow knows {', '.join(_COMMANDS)}",
                hint="other commands are for the terminal: nbflow --help",
            )
        main(words)


def _result_name(line: str) -> str | None:
    """What stands behind `%%sql`: nothing, or the name of the result.

    >>> _result_name(" daily "), _result_name("")
    ('daily', None)
    """
    words = line.split("#")[0].split()
    if any(word.startswith("--connect") for word in words):
        raise UsageError(
            "%%sql --connect is not available yet: SQL runs in this notebook's own DuckDB",
            hint="read the other database with pandas, and query the DataFrame by its name",
        )
    if len(words) > 1 or any(word.startswith("-") for word in words):
        raise UsageError(
            f"%%sql takes at most one name, not {line.strip()!r}",
            hint="write the query on the lines below: %%sql NAME",
        )
    return words[0] if words else None


def _matcher(session: SqlSession) -> Any:
    """Completes table names wherever SQL is written."""

    @context_matcher(identifier="nbflow.tables")  # type: ignore[untyped-decorator]
    def tables(context: Any) -> dict[str, Any]:
        in_cell = context.full_text.lstrip().startswith("%%sql")
        if not in_cell and "%sql" not in context.line_with_cursor:
            return {"completions": []}
        found = _TAIL.search(context.text_until_cursor)
        start = found.group().lower() if found else ""
        names = [name for name in session.tables() if name.lower().startswith(start)]
        completions = [SimpleCompletion(name, type="table") for name in names]
        return {"completions": completions, "matched_fragment": found.group() if found else ""}

    return tables
