"""The JSON shapes are a contract, kept in golden files that other faces' tests read too."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nbflow.core.errors import NotebookError, UsageError
from nbflow.core.graph import Graph
from nbflow.core.run import EventKind, Run, Status
from nbflow.faces import wire

WIRE = Path(__file__).parent.parent / "wire"

Documents = Callable[..., dict[str, str]]


def documents(graph: Graph, good: Run, bad: Run, make: SimpleNamespace) -> dict[str, str]:
    """Every document that the command line can print, by golden file."""
    event = make.event(
        EventKind.STEP_FINISHED,
        2,
        "metrics",
        attempt=1,
        status=Status.FAILED,
        reason="error",
        message="",
        data={"seconds": 1.0, "outputs": []},
    )
    verified = make.answer(
        equal=False,
        failed="cell 3: ZeroDivisionError: division by zero",
        differences=[make.answer(name="m", kind="table", run_all="3 rows", workflow="4 rows")],
        nondeterministic=("x",),
        not_compared=("model",),
        refused=[make.answer(cell="c9", code="unstorable", message="a generator")],
        run_all_seconds=2.0,
        workflow_seconds=None,
    )
    health = [make.answer(name="disk", ok=False, message="3 MB left", hint="make room")]
    plan = make.plan(graph)
    error = NotebookError("two cells", diagnostics=graph.diagnostics, hint="rename one")
    return {
        "show.json": wire.document(wire.graph(graph)),
        "check.json": wire.document(
            wire.checks(("shop.ipynb", each) for each in graph.diagnostics)
        ),
        "plan.json": wire.document(wire.plan(plan)),
        "run-succeeded.json": wire.document(wire.run(good)),
        "run-failed.json": wire.document(wire.run(bad)),
        "runs.json": wire.document(wire.runs([good, bad])),
        "event.json": wire.line(wire.event(event)),
        "verify.json": wire.document(wire.verification(verified)),
        "doctor.json": wire.document(wire.health(health)),
        "diff.json": wire.document(wire.difference(make.difference(bad.id, good.id))),
        "why.json": wire.document(wire.why(make.why(good.id, "metrics"))),
        "error.json": wire.document(wire.failure("notebook", error, error.message, error.hint)),
    }


def test_a_refused_form_tells_what_is_wrong_with_each_field() -> None:
    error = UsageError("no", fields={"day": "takes a date"})
    assert wire.failure("usage", error, "no", None)["error"]["fields"] == {"day": "takes a date"}


def test_documents_are_those_of_the_golden_files(
    shop: Graph, good_run: Run, bad_run: Run, make: SimpleNamespace, write_expected: bool
) -> None:
    made = documents(shop, good_run, bad_run, make)
    if write_expected:
        for name, content in made.items():
            (WIRE / name).write_text(content, encoding="utf-8")
    assert {name: (WIRE / name).read_text(encoding="utf-8") for name in made} == made


CONTRACT = {
    "show.json": "notebook parameters steps definitions edges diagnostics",
    "check.json": "diagnostics",
    "plan.json": "notebook parameters tasks",
    "run-failed.json": "run status notebook notebook_hash parameters trigger actor started finished"
    " seconds result reason message kept label steps learned",
    "verify.json": "equal failed differences nondeterministic not_compared refused seconds",
}

PARTS = {
    ("show.json", "parameters"): "name type default required help choices bounds path cell",
    ("show.json", "steps"): "id name title language group cells cell_indexes reads writes effects"
    " when foreach tags",
    ("show.json", "definitions"): "cell cell_index names",
    ("show.json", "edges"): "from to names kind certainty from_line to_line because",
    ("show.json", "diagnostics"): "code severity message cell cell_index line hint fix",
    ("plan.json", "tasks"): "step item action reason message expected_seconds",
    ("run-failed.json", "steps"): "step item status action reason message attempts started finished"
    " seconds cells outputs error peak_memory log",
    ("verify.json", "differences"): "name kind run_all workflow",
    ("verify.json", "refused"): "cell code message",
}


@pytest.mark.parametrize("name", CONTRACT)
def test_golden_documents_have_the_fields_of_the_contract(name: str) -> None:
    document = json.loads((WIRE / name).read_text())
    assert set(document) == {"schema_version", *CONTRACT[name].split()}
    assert document["schema_version"] == 1


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_their_parts_have_the_fields_of_the_contract(name: str, part: str) -> None:
    document = json.loads((WIRE / name).read_text())
    assert [set(each) for each in document[part]] == [
        set(PARTS[(name, part)].split()) for _ in document[part]
    ]
    assert document[part]


def test_runs_are_runs_without_steps() -> None:
    listed = json.loads((WIRE / "runs.json").read_text())["runs"]
    whole = json.loads((WIRE / "run-succeeded.json").read_text())
    assert set(listed[0]) == set(whole) - {"schema_version", "steps", "learned"}


def test_an_event_is_one_line_with_the_fields_of_the_contract() -> None:
    content = (WIRE / "event.json").read_text()
    assert content.count("\n") == 1
    fields = "id at run kind step item attempt status reason message data"
    assert set(json.loads(content)) == set(fields.split())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (10**40, 10**40),
        (True, True),
        (date(2026, 1, 5), "2026-01-05"),
        (datetime(2026, 1, 5, tzinfo=UTC), "2026-01-05T00:00:00+00:00"),
        (Decimal("1.10"), "1.10"),
        (b"\x00\xff", "00ff"),
        (Path("a/b"), "a/b"),
        ({"b", "a"}, ["a", "b"]),
        ({1: (2, 3)}, {"1": [2, 3]}),
        (Status.FAILED, "failed"),
        ("'; DROP TABLE x; -- \" \\ \n é \ud800", "'; DROP TABLE x; -- \" \\ \n é \ud800"),
    ],
)
def test_c71_values_survive_as_json(value: Any, expected: Any) -> None:
    printed = wire.line({"value": value})
    assert printed.isascii()
    assert json.loads(printed)["value"] == expected
