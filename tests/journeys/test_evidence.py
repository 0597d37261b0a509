"""Graphs that get better by running: doubts that a run dissolves, and brings back when it must."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, printed

pytestmark = pytest.mark.slow

HELPERS = "def look(xs):\n    if len(xs) > 2:\n        xs.append(0)\n    return len(xs)\n"
CELLS = (
    "import json, helpers",
    ("xs = json.load(open('numbers.json'))", ["step:numbers"]),
    ("handler = vars(helpers)['look']\nn = handler(xs)", ["step:look"]),
    ("print('sum', sum(xs))", ["step:sum"]),
)


def waits(bench: Bench) -> set[tuple[str, str]]:
    said = bench.say("show", "story.ipynb", "--json")
    assert said.code == 0, said.err
    return {(edge["from"], edge["to"]) for edge in json.loads(said.out)["edges"]}


def shown(bench: Bench) -> str:
    said = bench.run()
    assert said.code == 0, said.out + said.err
    return printed(bench.result(said))


def test_a_run_dissolves_a_doubt_and_another_brings_it_back(bench: Bench) -> None:
    bench.path("helpers.py").write_text(HELPERS)
    bench.path("numbers.json").write_text("[1, 2]")
    bench.notebook(*CELLS)
    assert ("look", "sum") in waits(bench)

    assert "sum 3" in shown(bench)
    assert ("look", "sum") not in waits(bench)

    # The data changes, and with it what the helper does: Run All would now print 7 with the zero.
    bench.path("numbers.json").write_text("[1, 2, 4]")
    bench.notebook(*CELLS[:3], ("print('all', xs)", ["step:sum"]))
    assert "all [1, 2, 4, 0]" in shown(bench)
    assert ("look", "sum") in waits(bench)


@pytest.mark.ci
def test_evidence_ends_with_the_code_that_gave_it(bench: Bench) -> None:
    bench.path("helpers.py").write_text(HELPERS)
    bench.path("numbers.json").write_text("[1, 2]")
    bench.notebook(*CELLS)
    shown(bench)
    assert ("look", "sum") not in waits(bench)

    bench.path("helpers.py").write_text(HELPERS.replace("> 2", "> 1"))
    assert ("look", "sum") in waits(bench)
    assert "sum 3" in shown(bench)


@pytest.mark.ci
def test_a_result_used_again_is_not_overtaken_by_a_write_that_nobody_foresaw(bench: Bench) -> None:
    bench.path("helpers.py").write_text(
        "def look(xs):\n    if len(xs) > 2:\n        open('out.txt', 'w').close()\n"
    )
    bench.path("numbers.json").write_text("[1, 2]")
    bench.notebook(
        *CELLS[:2],
        ("vars(helpers)['look'](xs)", ["step:look"]),
        ("import os\nprint('there', os.path.exists('out.txt'))", ["step:see"]),
    )
    assert "there False" in shown(bench)

    bench.path("numbers.json").write_text("[1, 2, 4]")
    said = bench.run()
    assert said.code != 0, said.out
    assert "out.txt" in said.out + said.err
    bench.path("out.txt").unlink()
    assert "there True" in shown(bench)


VIEWS = (
    "import json, helpers",
    ("xs = [json.load(open('numbers.json'))]", ["step:numbers"]),
    ("ys = vars(helpers)['pick'](xs)", ["step:pick"]),
    ("n = vars(helpers)['look'](ys)", ["step:look"]),
    ("print('sum', sum(xs[0]), len(ys))", ["step:sum"]),
)


def test_an_input_that_lives_on_in_a_result_is_known_to_be_unchanged(bench: Bench) -> None:
    bench.path("helpers.py").write_text(f"def pick(xs):\n    return xs[0]\n\n{HELPERS}")
    bench.path("numbers.json").write_text("[1, 2]")
    bench.notebook(*VIEWS)
    assert ("look", "sum") in waits(bench)

    assert "sum 3 2" in shown(bench)
    assert ("look", "sum") not in waits(bench)
    steps = json.loads(bench.say("show", "story.ipynb", "--json").out)["edges"]
    names = [edge["names"] for edge in steps if (edge["from"], edge["to"]) == ("pick", "sum")]
    assert names == [["ys"]]

    # Now what was picked is changed, and with it what it was picked from.
    bench.path("numbers.json").write_text("[1, 2, 4]")
    assert "sum 7 4" in shown(bench)
    assert ("look", "sum") in waits(bench)


MODELS = (
    "import json, helpers",
    ("xs = [json.load(open('numbers.json'))]", ["step:numbers"]),
    ("model = vars(helpers)['model'](xs)", ["step:model"]),
    ("print('sum', sum(xs[0]))", ["step:sum"]),
    ("n = vars(helpers)['fit'](model)", ["step:fit"]),
    ("print('again', xs[0])", ["step:again"]),
    ("print('model', model)", ["step:show"]),
)


def test_who_looks_at_data_does_not_wait_for_a_model_of_it_until_that_changes_it(
    bench: Bench,
) -> None:
    fit = "def fit(m):\n    m['n'] = 1\n    if len(m['xs'][0]) > 2:\n        m['xs'][0].append(0)\n"
    bench.path("helpers.py").write_text(f"def model(xs):\n    return {{'xs': xs}}\n\n{fit}")
    bench.path("numbers.json").write_text("[1, 2]")
    bench.notebook(*MODELS)
    before = {("model", "sum"), ("fit", "again")}
    assert before <= waits(bench)
    assert "sum 3" in shown(bench)
    assert not before & waits(bench)
    assert ("fit", "show") in waits(bench)

    bench.path("numbers.json").write_text("[1, 2, 4]")
    told = shown(bench)
    assert "sum 7" in told
    assert "again [1, 2, 4, 0]" in told
    assert "model {'xs': [[1, 2, 4, 0]], 'n': 1}" in told
    assert ("fit", "again") in waits(bench)


SETTERS = (
    "import json, helpers\nimport matplotlib.pyplot as plt",
    ("plt.rcParams['lines.linewidth'] = 8", ["step:style"]),
    ("xs = json.load(open('numbers.json'))", ["step:numbers"]),
    ("print('width', vars(helpers)['look'](xs))", ["step:look"]),
)


def test_settings_that_nobody_reads_are_not_waited_for_until_somebody_does(bench: Bench) -> None:
    bench.path("helpers.py").write_text(
        "import matplotlib\n\ndef look(xs):\n"
        "    return matplotlib.rcParams['lines.linewidth'] if len(xs) > 2 else 0\n"
    )
    bench.path("numbers.json").write_text("[1, 2]")
    bench.notebook(*SETTERS)
    assert ("style", "look") in waits(bench)
    assert "width 0" in shown(bench)
    assert ("style", "look") not in waits(bench)
    assert bench.run().reused() >= {"style", "look"}

    bench.path("numbers.json").write_text("[1, 2, 4]")
    assert "width 8" in shown(bench)
    assert ("style", "look") in waits(bench)
