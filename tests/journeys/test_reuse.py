"""The second run: what is reused, what runs and why, and what one can ask about it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, Said, printed

pytestmark = pytest.mark.slow

LONG = pytest.mark.ci

PREPARING = "import pandas as pd\nfrom rates import RATE"
CELLS = (
    PREPARING,
    ("sales = pd.read_csv('sales.csv')", ["step:sales"]),
    ("%%sql daily\nSELECT day, sum(amount) AS amount FROM sales GROUP BY day ORDER BY day"),
    ("taxed = daily.assign(tax=daily.amount * RATE)", ["step:taxed"]),
    (
        "best = {'amount': (daily.amount.max(), 'é')}\nprint('best', daily.amount.max())",
        ["step:best"],
    ),
    ("print('taxes', taxed.tax.sum())", ["step:report"]),
)
ALL = {"definitions", "sales", "daily", "taxed", "best", "report"}


@pytest.fixture
def first(bench: Bench) -> Said:
    """The first run of a notebook with a file and a module beside it."""
    bench.path("sales.csv").write_text("day,amount\n1,10\n1,20\n2,40\n")
    bench.path("rates.py").write_text("RATE = 0.5\n")
    bench.notebook(*CELLS)
    said = bench.run()
    assert said.code == 0, said.out + said.err
    assert said.ran() == ALL
    return said


def changed(number: int, source: str) -> list[object]:
    """The cells with another source in one of them."""
    cells = list(CELLS)
    cell = cells[number]
    cells[number] = source if isinstance(cell, str) else (source, cell[1])
    return cells


def test_a_second_run_reuses_everything(bench: Bench, first: Said) -> None:
    said = bench.run()
    assert said.code == 0
    assert said.reused() == ALL
    assert printed(bench.result(said)) == printed(bench.result(first))
    plan = bench.say("plan", "story.ipynb", "--json").document
    assert {task["action"] for task in plan["tasks"]} == {"reuse"}
    why = bench.say("why", "latest", "taxed").out
    assert why.startswith(f"taxed was reused: same inputs as run {first.document['run'][:13]}")


def test_a_changed_cell_runs_only_what_it_must(bench: Bench, first: Said) -> None:
    bench.notebook(*changed(3, "taxed = daily.assign(tax=daily.amount * RATE * 2)"))  # type: ignore[arg-type]
    said = bench.run()
    assert said.ran() - {"definitions"} == {"taxed", "report"}
    assert said.steps["taxed"]["message"] == "its code changed"
    assert said.steps["report"]["message"] == "`taxed` changed"
    assert "taxes 70.0" in printed(bench.result(said))
    why = bench.say("why", "latest", "report").out
    assert why.startswith("report ran because `taxed` changed")


@LONG
def test_identical_content_cuts_off_early(bench: Bench, first: Said) -> None:
    bench.notebook(*changed(3, "taxed = daily.assign(tax=RATE * daily.amount)"))  # type: ignore[arg-type]
    said = bench.run()
    assert said.ran() - {"definitions"} == {"taxed"}
    assert "report" in said.reused()


@LONG
def test_comments_and_layout_do_not_count(bench: Bench, first: Said) -> None:
    bench.notebook(*changed(3, "# a note\n\ntaxed = daily.assign(tax = daily.amount*RATE)  # x"))  # type: ignore[arg-type]
    said = bench.run()
    assert said.reused() == ALL


def test_a_changed_file_is_named(bench: Bench, first: Said) -> None:
    bench.path("sales.csv").write_text("day,amount\n1,10\n1,20\n2,50\n")
    said = bench.run()
    assert said.ran() - {"definitions"} == {"sales", "daily", "taxed", "best", "report"}
    assert said.steps["sales"]["message"] == "sales.csv changed: 1 row changed in `amount`"
    assert said.reasons()["sales"] == "file_changed"
    assert "best 50" in printed(bench.result(said))


def test_cells_with_the_same_code_show_each_their_own(bench: Bench) -> None:
    bench.notebook("x = [1, 2]", "print(x)", "print(x)")
    first, again = bench.run(), bench.run()
    assert again.reused() == {"x", "cell-2", "cell-3"}
    assert printed(bench.result(again)) == printed(bench.result(first)) == "[1, 2]\n" * 2


def test_a_cell_with_the_code_of_one_above_leaves_its_value(bench: Bench) -> None:
    """The one above leaves nothing: nobody reads what it binds before it is bound anew."""
    bench.notebook("n = 3 * len('ab')", "n = 3 * len('ab')")
    bench.run()
    assert bench.say("get", "latest", "n").out.strip() == "6"


def test_a_plan_tells_that_a_result_lacks_what_is_wanted_now(bench: Bench) -> None:
    bench.notebook("n = [6]", "n = [7]")
    bench.run()
    bench.notebook("n = [6]")
    (task,) = bench.say("plan", "story.ipynb", "--json").document["tasks"]
    assert (task["action"], task["reason"]) == ("run", "output_missing")
    assert bench.run().steps["n"]["reason"] == "output_missing"
    assert bench.say("get", "latest", "n").out.strip() == "[6]"


@LONG
def test_a_touched_file_is_not_a_changed_one(bench: Bench, first: Said) -> None:
    bench.path("sales.csv").touch()
    assert bench.run().reused() == ALL


@LONG
def test_a_changed_module_is_named(bench: Bench, first: Said) -> None:
    bench.path("rates.py").write_text("RATE = 0.25\n")
    said = bench.run()
    assert {"taxed", "report"} <= said.ran()
    assert {"sales", "daily", "best"} <= said.reused()
    assert said.steps["taxed"]["message"] == "rates.py changed: 1 line changed"
    assert "taxes 17.5" in printed(bench.result(said))


@LONG
def test_a_poisoned_result_is_made_again(bench: Bench, first: Said) -> None:
    for blob in bench.path(".nbflow/store").rglob("*.duckdb"):
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[:-1] + b"\x01")
    said = bench.run()
    assert said.code == 0, said.out + said.err
    assert {"sales", "daily", "taxed"} <= said.ran()
    assert "damaged" in said.steps["sales"]["message"]
    assert printed(bench.result(said)) == printed(bench.result(first))


def test_what_can_be_asked_afterwards(bench: Bench, first: Said) -> None:
    run = first.document["run"]
    listed = bench.say("runs", "--json").document["runs"]
    assert [(one["run"], one["status"], one["notebook"]) for one in listed] == [
        (run, "succeeded", "story.ipynb")
    ]
    assert bench.status(run[:13]).document["run"] == run
    assert bench.say("logs", run, "best").out.splitlines() == ["best | best 40"]
    assert bench.say("get", run, "best").out == "{'amount': (np.int64(40), 'é')}\n"
    assert bench.say("get", run, "best", "-o", "best.txt").code == 0
    assert "day" in bench.say("get", run, "daily").out
    saved = bench.say("get", run, "daily", "-o", "daily.csv")
    assert saved.code == 0
    assert bench.lines("daily.csv") == ["day,amount", "1,30", "2,40"]
    sql = bench.say("sql", "SELECT sum(amount) AS total FROM daily", "--json").document
    assert (sql["columns"], sql["rows"]) == (["total"], [[70]])
    assert bench.say("sql", "FROM taxed ORDER BY day", "--csv").out.splitlines()[0] == (
        "day,amount,tax"
    )
    for words, message in [
        (("get", run, "dayly"), "did you mean daily"),
        (("sql", "SELECT * FROM dayly"), "dayly"),
        (("why", run, "nobody"), "its steps: definitions, sales"),
        (("logs", run, "nobody"), "its steps: definitions, sales"),
        (("status", "ffff"), "there is no run 'ffff'"),
        (("get", run, "daily", "-o", "daily.docx"), "use one of: .csv, .parquet"),
    ]:
        wrong = bench.say(*words)
        assert wrong.code == 2, words
        assert message in wrong.err
        assert "Traceback" not in wrong.err


@LONG
def test_choices_of_steps(bench: Bench, first: Said) -> None:
    forced = bench.run("--force-step", "best")
    assert forced.ran() == {"best"}
    assert forced.steps["best"]["message"] == "asked for"
    until = bench.run("--until", "daily", "--force")
    assert {"sales", "daily"} <= until.ran()
    assert until.statuses()["report"] == "skipped"
    assert until.code == 0
    wrong = bench.say("run", "story.ipynb", "--only", "dayly")
    assert wrong.code == 2
    assert "dayly" in wrong.err
    assert "daily" in wrong.err.replace("dayly", "")


def test_cosmetic_edits_are_reused(bench: Bench) -> None:
    """Comments, layout, names of locals, the order of definitions, the case of SQL's words."""
    read = "rows = [{'k': 'a', 'n': 1}, {'k': 'b', 'n': 2}]"
    bench.notebook(
        "import pandas as pd",
        "def total(rows):\n    result = 0\n    for row in rows:\n        result += row['n']\n"
        "    return result",
        "def label(n):\n    return f'n={n}'",
        read,
        "frame = pd.DataFrame(rows)",
        "%%sql best\nselect k, n from frame -- all of it\norder by n desc",
        "text = label(total(rows))\nprint([name for name in best.k], text)",
    )
    first = bench.run()
    assert first.code == 0, first.out
    bench.notebook(
        "import pandas as pd  # tables",
        "def label(n):\n    # for people\n    return f'n={n}'",
        "def total(rows):\n    summed = 0\n    for one in rows:\n        summed += one['n']\n"
        "    return summed",
        read + "  # two of them",
        "frame = pd.DataFrame( rows )",
        "%%sql best\nSELECT k, n\nFROM frame\nORDER BY n DESC",
        "text = label(total(rows))\nprint([k for k in best.k], text)",
    )
    again = bench.run()
    assert again.ran() <= {"definitions"}
    assert printed(bench.result(again)) == printed(bench.result(first)) == "['b', 'a'] n=3\n"


def test_cache_tags_and_force(bench: Bench) -> None:
    """What differs each time runs each time, unless its tag says otherwise; so do its readers, if
    the content differs."""
    bench.notebook(
        "import time",
        ("plain = time.time()", ["step:plain"]),
        ("kept = time.time()", ["step:kept", "cache:always"]),
        ("hour = time.time()", ["step:hour", "cache:1h"]),
        ("same = [1]", ["step:same", "cache:never"]),
        ("print(kept, hour)", ["step:reads kept"]),
        ("print(same)", ["step:reads same"]),
    )
    first = bench.run()
    assert first.code == 0, first.out
    again = bench.run()
    assert again.ran() == {"plain", "same"}
    assert again.steps["plain"]["message"] == (
        "it asks the clock, or else what differs each time: time.time() in cell 2 line 1"
    )
    assert again.reasons()["same"] == "cache_never"
    planned = bench.say("plan", "story.ipynb", "--json").document["tasks"]
    tasks = {task["step"]: task for task in planned}
    assert tasks["reads same"]["action"] == "run"
    assert tasks["reads same"]["message"] == (
        "`same` runs before it; reused if that gives the same again"
    )
    forced = bench.run("--force-step", "kept")
    assert forced.ran() == {"plain", "same", "kept", "reads kept"}
    assert bench.say("why", "latest", "kept").out.splitlines()[0] == (
        "kept ran because it was asked for"
    )
    everything = bench.run("--force")
    assert not everything.reused()


@LONG
def test_gc_makes_room_and_what_is_gone_is_made_again(bench: Bench, first: Said) -> None:
    assert bench.say("gc").out.splitlines()[0] == "nothing to remove"
    would = bench.say("gc", "--max-size", "0", "--dry-run", "--json").document
    assert would["evicted_bytes"] > 0
    assert bench.run().reused() == ALL
    done = bench.say("gc", "--max-size", "0", "--json").document
    assert (done["evicted_bytes"], done["left_bytes"]) == (would["evicted_bytes"], 0)
    assert not [path for path in bench.path(".nbflow/store").rglob("*") if path.is_file()]
    lost = bench.say("get", "latest", "daily")
    assert lost.code == 3
    assert "run the notebook again" in lost.err
    again = bench.run()
    assert again.code == 0
    assert again.steps["sales"]["message"] == "the stored `sales` is missing or damaged"
    assert printed(bench.result(again)) == printed(bench.result(first))


@LONG
def test_defaults_of_the_project_hold(bench: Bench) -> None:
    bench.path("nbflow.toml").write_text('[defaults]\ntimeout = "1s"\n')
    bench.notebook(
        ("import time\ntime.sleep(30)\na = [1]", ["step:long"]),
        ("import time\ntime.sleep(2)\nb = [1]", ["step:told", "timeout:1m"]),
    )
    said = bench.run()
    assert said.code == 1
    assert said.reasons()["long"] == "timed_out"
    assert said.statuses()["told"] == "succeeded"


@LONG
def test_what_modules_look_at_counts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables and files that a helper module looks at, and modules that only `sys.path` finds."""
    bench.path("lib").mkdir()
    bench.path("helpers.py").write_text(
        "import os\nREGION = os.environ.get('REGION')\nwith open('limit.txt') as file:\n"
        "    LIMIT = file.read()\ndef unseen():\n    return os.environ.get('UNSEEN')\n"
    )
    bench.notebook(
        "import sys\nsys.path.insert(0, 'lib')",
        "import helpers, tool",
        ("region, limit, version = helpers.REGION, helpers.LIMIT, tool.VERSION", ["step:values"]),
        ("unseen = vars(helpers)['unseen']()", ["step:unseen"]),
        ("print('got', region, limit, version, unseen)", ["step:report"]),
    )
    for word in ("one", "two"):
        monkeypatch.setenv("REGION", word)
        monkeypatch.setenv("UNSEEN", word)
        bench.path("limit.txt").write_text(word)
        bench.path("lib/tool.py").write_text(f"VERSION = {word!r}\n")
        said = bench.run()
        assert said.code == 0, said.out + said.err
        assert f"got {word} {word} {word} {word}" in printed(bench.result(said))
