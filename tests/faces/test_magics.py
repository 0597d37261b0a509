"""The magics in a real IPython shell, cell by cell, as an open notebook and a lane run them."""

import atexit
import sys
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from IPython.core.completer import CompletionContext, provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nbflow.analysis.sql_names import parse_sql
from nbflow.core.errors import NotebookError, UsageError
from nbflow.faces import magics
from nbflow.inside.sql import SqlSession


class Notebook:
    """A shell that runs cells and raises what they raise."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.session = SqlSession(shell.user_ns, parse=parse_sql)
        magics.register(shell, self.session)

    def run(self, source: str, *, silent: bool = False) -> Any:
        result = self.shell.run_cell(source, silent=silent)
        result.raise_error()
        return result.result

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.shell.user_ns


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Iterator[InteractiveShell]:
    main = sys.modules["__main__"]
    hook = sys.displayhook
    config = Config()
    config.HistoryManager.enabled = False  # no SQLite thread, no file of the person
    shell = InteractiveShell(config=config)
    yield shell
    session = magics.session_of(shell)
    if session is not None:
        session.close()
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()
    sys.modules["__main__"] = main
    sys.displayhook = hook


@pytest.fixture
def notebook(shell: InteractiveShell) -> Notebook:
    notebook = Notebook(shell)
    notebook.run("import pandas as pd")
    return notebook


def rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.itertuples(index=False)]


def test_a_story_in_both_languages(notebook: Notebook) -> None:
    notebook.run("sales = pd.DataFrame({'shop': ['a', 'b', 'a'], 'n': [1, 2, 3]})\nlimit = 1")
    assert notebook.run("%%sql big\nSELECT * FROM sales WHERE n > $limit") is None
    assert "big" not in notebook
    shown = notebook.run("%%sql\nSELECT shop, sum(n) AS n FROM big GROUP BY ALL ORDER BY shop")
    assert rows(shown) == [("a", 3), ("b", 2)]
    assert notebook.run("big.n.tolist()") == [2, 3]
    assert notebook.session.is_sql("big")
    notebook.run("big.loc[0, 'n'] = 20")
    assert not notebook.session.is_sql("big")
    assert rows(notebook.run("%%sql\nSELECT sum(n) FROM big")) == [(23,)]
    notebook.run("big = big.head(1)")
    assert rows(notebook.run("%%sql\nSELECT sum(n) FROM BIG")) == [(20,)]


def test_several_statements_and_dml(notebook: Notebook) -> None:
    notebook.run("items = pd.DataFrame({'n': [1, 2]})")
    notebook.run(
        "%%sql total\nINSERT INTO items VALUES (3);\n-- the last one counts\n"
        "SELECT sum(n) AS n FROM items"
    )
    assert notebook.run("len(items), int(total.n.iloc[0])") == (3, 6)
    notebook.run("%%sql\nDELETE FROM items WHERE n = 3")
    assert notebook.run("len(items)") == 2


def test_the_line_form(notebook: Notebook) -> None:
    notebook.run("x = 5\ngot = %sql SELECT $x AS a, '{x}' AS b\nown = got.a.iloc[0]")
    assert (notebook["own"], notebook["got"].b.iloc[0]) == (5, "{x}")
    assert not notebook.session.is_sql("got")
    assert rows(notebook.run("%sql SELECT a FROM got")) == [(5,)]


def test_parameters_are_never_pasted_into_the_text(notebook: Notebook) -> None:
    notebook.run('day = "\'; DROP TABLE t; --"')
    notebook.run("%sql CREATE TABLE t AS SELECT $day AS day")
    assert rows(notebook.run("%%sql\nSELECT day = $day FROM t")) == [(True,)]


def test_python_and_sql_lines_in_one_cell(notebook: Notebook) -> None:
    notebook.run(
        "t = pd.DataFrame({'a': [1]})\n"
        "t['a'] = 2\n"
        "first = %sql SELECT a FROM t\n"
        "%sql INSERT INTO t VALUES (5)\n"
        "second = t.a.tolist()\n"
        "t.loc[0, 'a'] = 7\n"
        "third = %sql SELECT sum(a) AS a FROM t\n"
        "%sql CREATE TABLE fresh AS FROM t\n"
        "fourth = len(fresh)\n"
    )
    assert rows(notebook["first"]) == [(2,)]
    assert notebook["second"] == [2, 5]
    assert rows(notebook["third"]) == [(12,)]
    assert notebook["fourth"] == 2


def test_functions_that_were_there_before_read_sql_results(notebook: Notebook) -> None:
    notebook.run(
        "def report():\n    return inner()\n"
        "def inner():\n    return [len(daily) for _ in range(1)][0]\n"
        "class Box:\n    def size(self):\n        return len(daily)\n"
        "box = Box()\ntable = {'f': report}"
    )
    notebook.run("%%sql daily\nSELECT 1 AS a")
    assert notebook.run("report(), box.size(), Box().size()") == (1, 1, 1)


def test_functions_made_later_may_hide_anywhere(notebook: Notebook) -> None:
    notebook.run("%%sql daily\nSELECT 1 AS a")
    notebook.run("table = {'f': lambda: len(daily)}")
    notebook.run("%%sql daily\nVALUES (1), (2)")
    assert notebook.run("table['f']()") == 2
    assert notebook.run("eval('dai' + 'ly').shape") == (2, 1)


def test_names_in_strings_and_deletions(notebook: Notebook) -> None:
    notebook.run("%%sql limits\nSELECT 1 AS n")
    notebook.run("df = pd.DataFrame({'n': [1, 2]})")
    assert notebook.run("df.query('n in @limits.n').n.tolist()") == [1]
    notebook.run("del limits")
    with pytest.raises(NotebookError, match="there is no table limits"):
        notebook.run("%sql FROM limits")


def test_timed_and_captured_cells(notebook: Notebook) -> None:
    notebook.run("%%capture out\n%sql SELECT 1")
    notebook.run("%%time\n%sql CREATE TABLE t AS SELECT 1 AS a")
    assert notebook.run("len(t)") == 1


def test_what_ran_silently_is_seen(notebook: Notebook) -> None:
    notebook.run("%%sql t\nSELECT 1 AS a")
    notebook.run("t", silent=True)
    notebook.run("t.loc[0, 'a'] = 9", silent=True)
    assert rows(notebook.run("%%sql\nFROM t")) == [(9,)]


def test_c53_an_unknown_table_names_the_nearest(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run("sales = pd.DataFrame({'n': [1]})")
    with pytest.raises(NotebookError, match="there is no table slaes") as caught:
        notebook.run("%%sql\nSELECT * FROM slaes")
    assert caught.value.__notes__ == ["hint: did you mean sales?"]
    shown = capsys.readouterr().out
    assert "there is no table slaes" in shown
    assert "did you mean sales?" in shown


def test_failing_cells_leave_everything_usable(notebook: Notebook) -> None:
    notebook.run("%%sql t\nSELECT 1 AS a")
    with pytest.raises(ZeroDivisionError):
        notebook.run("t.loc[0, 'a'] = 2\n1 / 0")
    assert rows(notebook.run("%sql FROM t")) == [(2,)]
    with pytest.raises(NotebookError, match="SQL, line 2"):
        notebook.run("%%sql\nSELECT 1;\nSELEC 2")
    assert rows(notebook.run("%sql FROM t")) == [(2,)]


def test_tables_without_rows_and_columns_of_sql_names(notebook: Notebook) -> None:
    notebook.run('%%sql empty\nSELECT 1 AS "a b", 2 AS "q""" WHERE false')
    assert notebook.run("empty.columns.tolist(), len(empty)") == (["a b", 'q"'], 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%%sql daily --connect wh", "--connect is not available yet"),
        ("%%sql a b", "takes at most one name"),
        ("%%sql --save x", "takes at most one name"),
    ],
)
def test_unknown_options_are_refused(notebook: Notebook, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        notebook.run(f"{line}\nSELECT 1")


def test_comments_behind_the_name(notebook: Notebook) -> None:
    notebook.run("%%sql daily  # one row\nSELECT 1 AS a")
    assert notebook.session.is_sql("daily")


def test_nbflow_magic_passes_on_what_it_knows(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr("nbflow.faces.cli.main", asked.append)
    notebook.run("%nbflow show 'my notebook.ipynb'")
    notebook.run("%nbflow runs")
    assert asked == [["show", "my notebook.ipynb"], ["runs"]]
    for line in ("", "run x.ipynb"):
        with pytest.raises(UsageError, match="%nbflow knows show, check, runs"):
            notebook.run(f"%nbflow {line}")


def test_loading_the_extension_again_keeps_the_session(notebook: Notebook) -> None:
    notebook.run("%%sql t\nSELECT 1 AS a")
    magics.load_ipython_extension(notebook.shell)
    assert magics.session_of(notebook.shell) is notebook.session
    assert rows(notebook.run("%sql FROM t")) == [(1,)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%%sql\nSELECT * FROM sa", ["sales"]),
        ("%%sql\nSELECT * FROM SA", ["sales"]),
        ("%%sql\nSELECT * FROM ", ["daily", "sales"]),
        ("x = %sql FROM da", ["daily"]),
        ("print(sa", []),
    ],
)
def test_table_names_are_completed_in_sql_only(
    notebook: Notebook, text: str, expected: list[str]
) -> None:
    notebook.run("sales = pd.DataFrame({'n': [1]})")
    notebook.run("%%sql daily\nSELECT 1 AS a")
    [matcher] = notebook.shell.Completer.custom_matchers[-1:]
    context = CompletionContext(
        token=text.split()[-1],
        full_text=text,
        cursor_position=len(text.split("\n")[-1]),
        cursor_line=text.count("\n"),
        limit=None,
    )
    assert [c.text for c in matcher(context)["completions"]] == expected


def test_the_shell_finds_completions(notebook: Notebook) -> None:
    notebook.run("sales = pd.DataFrame({'n': [1]})")
    text = "%%sql\nSELECT * FROM sal"
    with provisionalcompleter():
        found = [c.text for c in notebook.shell.Completer.completions(text, len(text))]
    assert "sales" in found


def test_load_ext_registers_everything(shell: InteractiveShell) -> None:
    shell.run_cell("%load_ext nbflow").raise_error()
    assert magics.session_of(shell) is not None
    shell.run_cell("%%sql t\nSELECT 1 AS a").raise_error()
    result = shell.run_cell("len(t)")
    assert result.result == 1
