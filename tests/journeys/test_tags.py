"""Tags of the contract: those that are carried out, and those that a later version will."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, cell_statuses, printed

from nbflow.core.recipe import Scene
from nbflow.recipes.gallery import write

pytestmark = pytest.mark.slow

LONG = pytest.mark.ci

COUNT = "with open('{0}.log', 'a') as file:\n    print('{0}', file=file)\n"
FAIL_TWICE = COUNT.format("tries") + (
    "if len(open('tries.log').readlines()) < 3:\n    raise OSError('not yet')\n"
)


def test_c69_retries_with_backoff(bench: Bench) -> None:
    bench.notebook(
        "import os",
        (
            FAIL_TWICE + "print('attempt', os.environ['NBFLOW_ATTEMPT'], os.environ['NBFLOW_STEP'])"
            "\ngot = [1]",
            ["step:shaky", "retries:2", "backoff:1s"],
        ),
        ("print('after', got)", ["step:next"]),
    )
    said = bench.run()
    assert said.code == 0, said.out
    assert said.steps["shaky"]["attempts"] == 3
    assert said.statuses()["next"] == "succeeded"
    text = printed(bench.result(said))
    assert "attempt 3 shaky" in text
    assert "not yet" not in text
    why = bench.say("why", "latest", "shaky").out.splitlines()
    assert why[1:] == [
        "attempt 1 failed: OSError: not yet",
        "shaky ran again",
        "attempt 2 failed: OSError: not yet",
        "shaky ran again",
    ]
    assert bench.say("logs", "latest", "shaky").out.count("OSError: not yet") >= 2


@LONG
def test_c69_retries_used_up(bench: Bench) -> None:
    bench.notebook((FAIL_TWICE, ["step:shaky", "retries:1"]))
    said = bench.run()
    assert said.code == 1
    assert said.steps["shaky"]["attempts"] == 2
    assert said.steps["shaky"]["message"] == "OSError: not yet"
    assert cell_statuses(bench.result(said)) == {"c1": "failed"}


def test_steps_of_several_cells_after_setup_and_skip(bench: Bench) -> None:
    bench.notebook(
        ("import os\nbase = os.getpid() * 0 + 10", ["setup"]),
        (COUNT.format("order") + "a = [base]", ["step:two cells"]),
        ("raise RuntimeError('never')", ["skip"]),
        ("print('two', a, base)", ["step:two cells"]),
        ("import time\ntime.sleep(0.3)\nopen('late', 'w').close()", ["step:slow one"]),
        ("print('seen', os.listdir())", ["step:looks", "after:slow one"]),
    )
    said = bench.run()
    assert said.code == 0, said.out
    assert "two cells" in said.steps
    assert said.steps["two cells"]["cells"] == ["c2", "c4"]
    node = bench.result(said)
    assert "two [10] 10" in printed(node)
    assert "'late'" in printed(node)
    assert cell_statuses(node)["c3"] == "pending"
    assert "never" not in printed(node)


CHECKS = [
    ("import pandas as pd\nsales = pd.DataFrame({'store': [1, 2], 'amount': [5, -1]})"),
    ("assert (sales.amount > 0).all(), 'negative amounts'", ["{0}", "step:positive"]),
    ("print('report', len(sales))", ["step:report"]),
]


def test_a_check_stops_what_comes_after(bench: Bench) -> None:
    bench.notebook(CHECKS[0], (CHECKS[1][0], ["check", "step:positive"]), CHECKS[2])
    said = bench.run()
    assert said.code == 1
    assert said.steps["positive"]["reason"] == "check_failed"
    assert "negative amounts" in said.steps["positive"]["message"]
    assert said.steps["report"]["status"] == "skipped"
    assert said.steps["report"]["reason"] == "guard_failed"
    people = bench.say("status")
    assert "error[check-failed]: positive: AssertionError: negative amounts" in people.out


@LONG
def test_a_check_that_only_warns(bench: Bench) -> None:
    bench.notebook(CHECKS[0], (CHECKS[1][0], ["check:warn", "step:positive"]), CHECKS[2])
    said = bench.run("-o", "out.ipynb")
    assert said.code == 0, said.out + said.err
    assert said.steps["positive"]["reason"] == "check_warned"
    assert "negative amounts" in said.steps["positive"]["message"]
    assert "report 2" in printed(bench.result(said))
    assert bench.path("out.ipynb").exists()


@LONG
def test_a_check_in_sql(bench: Bench) -> None:
    bench.notebook(
        CHECKS[0],
        ("%%sql\nSELECT * FROM sales WHERE amount > 99", ["check", "step:none huge"]),
        ("%%sql\nSELECT * FROM sales WHERE amount < 0", ["check", "step:none negative"]),
        ("print('report', len(sales))", ["step:report"]),
    )
    said = bench.run()
    assert said.code == 1
    assert said.statuses()["none negative"] == "failed"
    assert said.statuses()["none huge"] == "succeeded"
    assert "returned" in said.steps["none negative"]["message"]


SHOPS = (
    "%load_ext nbflow\nimport pandas as pd\nshops = pd.DataFrame({'shop': ['Bern', 'Chur']})",
    "sales = pd.DataFrame({'shop': ['Bern', 'Zug'], 'units': [1, 2]})",
)
OF_SHOPS = [
    {"kind": "present", "columns": ["shop"]},
    {"kind": "pattern", "column": "shop", "pattern": "[A-Z][a-z]+"},
    {"kind": "holds", "condition": "length(shop) > 3"},
]
OF_SALES = [*OF_SHOPS, {"kind": "found", "column": "shop", "other": "shops"}]


@LONG
def test_checks_that_the_gallery_writes_find_what_is_wrong(bench: Bench) -> None:
    scene = Scene(
        names=frozenset({"shops", "sales", "pd"}),
        loaded=frozenset({"%%sql", "pandas"}),
        tables={"shops": (), "sales": ()},
    )
    [right, wrong] = [
        write("check", {"table": table, "expectations": expectations}, scene).cells[-1]
        for table, expectations in (("shops", OF_SHOPS), ("sales", OF_SALES))
    ]
    bench.notebook(
        *SHOPS, (right.source, list(right.tags)), (wrong.source, list(wrong.tags)), "print(sales)"
    )
    said = bench.run()
    assert said.code == 1
    assert said.statuses()["shops is right"] == "succeeded"
    assert said.statuses()["sales is right"] == "failed"
    shown = str([cell.get("outputs") for cell in bench.result(said).cells])
    assert "shop is not in shops" in shown
    assert "not true: length(shop) > 3" in shown
    assert "does not match" not in shown


@LONG
def test_an_expected_error_stays_in_the_notebook(bench: Bench) -> None:
    bench.notebook(
        ("x = [1]\nx[9]", ["raises-exception", "step:shows"]),
        ("print('and then', x)", ["step:then"]),
    )
    said = bench.run("-o", "out.ipynb")
    assert said.code == 0, said.out + said.err
    node = bench.result(said)
    assert node["cells"][1]["outputs"][0]["ename"] == "IndexError"
    assert cell_statuses(node) == {"c1": "completed", "c2": "completed"}
    assert "and then [1]" in printed(node)


@LONG
def test_cache_tags(bench: Bench) -> None:
    bench.notebook(
        ("import time\nclock = [time.time()]", ["step:clock"]),
        ("import time\npinned = [time.time()]", ["step:pinned", "cache:always"]),
        ("import time\nbrief = [time.time()]", ["step:brief", "cache:1d"]),
        ("steady = [1]", ["step:steady", "cache:never"]),
        ("plain = [2]", ["step:plain"]),
    )
    assert bench.run().code == 0
    said = bench.run()
    assert said.ran() - {"definitions"} == {"clock", "steady"}
    assert {"pinned", "brief", "plain"} <= said.reused()
    assert said.reasons()["steady"] == "cache_never"
    assert "cache:never" in said.steps["steady"]["message"]
    assert "time" in said.steps["clock"]["message"]


@pytest.mark.parametrize(
    "tag",
    [
        "foreach:region=regions",
        *(
            pytest.param(tag, marks=LONG)
            for tag in (
                *("when:ready", "partial", "pool:db=2", "priority:3"),
                *("approve", "publish:sales", "check:schema"),
            )
        ),
    ],
)
def test_tags_of_later_versions_are_refused_by_name(bench: Bench, tag: str) -> None:
    bench.notebook(("open('ran', 'w').close()", []), ("y = [2]", [tag]))
    said = bench.say("run", "story.ipynb")
    assert said.code == 2
    assert f"error[tag-not-yet]: this version of nbflow cannot carry out the tag '{tag}' yet" in (
        said.err
    )
    assert "story.ipynb cell 2" in said.err
    assert not bench.path("ran").exists()
    assert bench.say("runs", "--json").document["runs"] == []


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("retires:3", "did you mean retries:3?"),
        pytest.param("retries:x", "write a number from 0 to 1000", marks=LONG),
        pytest.param("timeout:5", "write a duration as 90s", marks=LONG),
        pytest.param("after:nobody", "steps are: x, y", marks=LONG),
        pytest.param("cache:sometimes", "write cache:never, cache:always or cache:2h", marks=LONG),
        pytest.param("step:", "write a name after the colon", marks=LONG),
    ],
)
def test_tags_that_cannot_be_read(bench: Bench, tag: str, hint: str) -> None:
    bench.notebook(("x = [1]", []), ("y = [2]", [tag]))
    said = bench.say("run", "story.ipynb")
    assert said.code == 2
    assert f"hint: {hint}" in said.err
    assert said.err.count("error[") == 1
    assert not list(bench.path(".nbflow").glob("runs/*"))
