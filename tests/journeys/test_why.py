"""`nbflow why`: from a step back to the first cause, with the real difference."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, Cell

pytestmark = pytest.mark.slow

LONG = pytest.mark.ci

CELLS: tuple[Cell, ...] = (
    "import os\nfrom glob import glob\nimport pandas as pd\nfrom rates import RATE",
    ("least = 10", ["parameters"]),
    "def clean(frame):\n    out = frame.dropna()\n    return out",
    ("sales = pd.read_csv('sales.csv')", ["step:sales"]),
    ("good = clean(sales)\ngood = good[good.amount > least]", ["step:good"]),
    "%%sql daily\nSELECT day, sum(amount) AS amount FROM good GROUP BY day ORDER BY day",
    ("taxed = daily.assign(tax=daily.amount * RATE)", ["step:taxed"]),
    ("name = os.environ.get('SHOP', 'none')\nprint(name)", ["step:name"]),
    (
        "extra = pd.concat([pd.read_csv(p) for p in sorted(glob('more/*.csv'))])",
        ["step:extra"],
    ),
)


@pytest.fixture
def shop(bench: Bench) -> Bench:
    """A project whose notebook has run once."""
    bench.path("sales.csv").write_text("day,amount\n1,10\n1,20\n2,40\n")
    bench.path("rates.py").write_text("RATE = 0.5\n")
    bench.path("more").mkdir()
    bench.path("more/a.csv").write_text("k\n1\n")
    bench.notebook(*CELLS)
    said = bench.run()
    assert said.code == 0, said.out + said.err
    return bench


def lines(bench: Bench, step: str) -> list[str]:
    """What `nbflow why latest STEP` says."""
    return bench.say("why", "latest", step).out.splitlines()


def written(bench: Bench, number: int, source: str) -> None:
    """The notebook with another source in one of its cells."""
    cells: list[Any] = list(CELLS)
    old = cells[number]
    cells[number] = source if isinstance(old, str) else (source, old[1])
    bench.notebook(*cells)


def test_a_changed_file_is_followed_to_its_last_reader(shop: Bench) -> None:
    first = shop.status().document["run"][:13]
    shop.path("sales.csv").write_text("day,amount\n1,10\n1,20\n2,50\n3,70\n")
    plan = shop.say("plan", "story.ipynb", "--json").document["tasks"]
    messages = {task["step"]: task["message"] for task in plan}
    assert messages["sales"] == "sales.csv changed: 1 row changed, 1 row added"
    said = shop.run()
    assert said.steps["sales"]["message"] == "sales.csv changed: 1 row changed, 1 row added"
    assert lines(shop, "taxed") == [
        "taxed ran because `daily` changed: 1 row changed, 1 row added",
        "  because `good` changed: 1 row changed, 1 row added",
        "    because `sales` changed: 1 row changed, 1 row added",
        "      because sales.csv changed: 1 row changed, 1 row added",
        f"compared with run {first}",
    ]
    document = shop.say("why", "latest", "taxed", "--json").document
    deepest = document["causes"][0]["because"][0]["because"][0]["because"][0]
    assert (deepest["kind"], deepest["name"], deepest["because"]) == ("file", "sales.csv", [])


def test_changed_code_is_shown(shop: Bench) -> None:
    written(shop, 4, "good = clean(sales)\ngood = good[good.amount >= least]")
    assert shop.run().code == 0
    assert lines(shop, "good")[:-1] == [
        "good ran because its code changed",
        "    good = clean(sales)",
        "  - good = good[good.amount > least]",
        "  + good = good[good.amount >= least]",
    ]
    assert lines(shop, "daily")[:2] == [
        "daily ran because `good` changed: 1 row added",
        "  because its code changed",
    ]


@LONG
def test_each_kind_of_cause_is_named(shop: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shop.run("-p", "least", "15").code == 0
    assert lines(shop, "good")[0] == "good ran because the parameter `least` changed: 10 → 15"

    written(shop, 2, "def clean(frame):\n    out = frame.dropna().copy()\n    return out")
    shop.path("rates.py").write_text("RATE = 0.25\n")
    monkeypatch.setitem(os.environ, "SHOP", "uster")
    assert shop.run().code == 0
    assert lines(shop, "good")[:-1] == [
        "good ran because `clean` changed",
        "    def clean(frame):",
        "  -     out = frame.dropna()",
        "  +     out = frame.dropna().copy()",
        "        return out",
    ]
    assert lines(shop, "taxed")[:3] == [
        "taxed ran because rates.py changed: 1 line changed",
        "  - RATE = 0.5",
        "  + RATE = 0.25",
    ]
    assert lines(shop, "name")[0] == ("name ran because the environment variable SHOP is set now")
    assert "uster" not in "".join(lines(shop, "name"))


@LONG
def test_several_causes_are_listed(shop: Bench) -> None:
    shop.path("sales.csv").write_text("day,amount,shop\n1,10,a\n1,20,a\n2,40,b\n")
    written(shop, 4, "good = clean(sales)")
    assert shop.run().code == 0
    assert lines(shop, "good")[:-1] == [
        "good ran because its code and `sales` changed",
        "  its code changed",
        "      good = clean(sales)",
        "    - good = good[good.amount > least]",
        "  `sales` changed: column `shop` added",
        "    because sales.csv changed: column `shop` added",
    ]


@LONG
def test_a_step_that_failed_still_knows_why_it_ran(shop: Bench) -> None:
    shop.path("sales.csv").unlink()
    assert shop.run().code == 1
    told = lines(shop, "sales")
    assert told[0] == "sales ran because sales.csv is gone"
    assert "it failed in cell 4 line 1: FileNotFoundError" in told[1]
    assert lines(shop, "good") == ["good was skipped: `sales` failed before it"]


@LONG
def test_what_is_reused_says_on_what_it_rests(shop: Bench) -> None:
    first = shop.status().document["run"][:13]
    assert shop.run().code == 0
    assert lines(shop, "good") == [
        f"good was reused: same inputs as run {first}",
        f"  unchanged: its code, `sales`, pandas {version('pandas')}, least = 10, `clean`",
    ]


@LONG
def test_two_runs_are_compared(shop: Bench) -> None:
    first = shop.status().document["run"]
    shop.path("sales.csv").write_text("day,amount\n1,10\n1,20\n2,40\n2,60\n")
    assert shop.run("-p", "least", "15").code == 0
    told = shop.say("diff", first[:13], "latest").out.splitlines()
    assert told[0] == f"story.ipynb  {first[:13]} → {shop.status().document['run'][:13]}"
    assert told[1:12] == [
        "",
        "sales",
        "  sales.csv changed: 1 row added",
        "  → `sales` changed: 1 row added",
        "",
        "good",
        "  the parameter `least` changed: 10 → 15",
        "  → `good` changed: 1 row added",
        "",
        "daily",
        "  → `daily` changed: 1 row changed in `amount`",
    ]
    assert told[-1].endswith("the same")
    same = shop.say("diff", "latest", "latest", "--json").document
    assert (same["steps"], same["same"]) == ([], 7)
    shop.notebook("x = [1]", name="other.ipynb")
    assert shop.run(notebook="other.ipynb").code == 0
    wrong = shop.say("diff", first, "latest")
    assert wrong.code == 2
    assert "two notebooks" in wrong.err
