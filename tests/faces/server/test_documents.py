"""What only the server answers: golden files that the panel's tests read too."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from nbflow.core.diagnostic import Diagnostic, Fix, Place, Severity
from nbflow.core.notebook import CellId, Changes
from nbflow.core.run import EventKind, Run, Status
from nbflow.core.table import Column, ColumnProfile, TablePage
from nbflow.faces import wire
from nbflow.faces.server import documents
from nbflow.notebook.tags import TAGS
from nbflow.project.timeline import Attempt

WIRE = Path(__file__).parents[2] / "wire"

PAGE = TablePage(
    name="metrics",
    columns=(
        Column(name="store", type="VARCHAR"),
        Column(name="revenue", type="DOUBLE"),
        Column(name="day", type="DATE"),
    ),
    rows=(("Uster", 1203.5, "2026-01-05"), ("Chur", None, "2026-01-05")),
    total=12,
    profile=(
        ColumnProfile(name="store", nulls=0, distinct=12, min="Bern", max="Zug"),
        ColumnProfile(name="revenue", nulls=1, distinct=11, min=17.25, max=1203.5),
        ColumnProfile(name="day", nulls=0, distinct=1, min="2026-01-05", max="2026-01-05"),
    ),
)

ATTEMPTS = (
    Attempt(
        step="metrics",
        item=None,
        number=1,
        queued="2026-01-05T06:00:00Z",
        started="2026-01-05T06:00:01Z",
        finished="2026-01-05T06:00:03Z",
        status=Status.SUCCEEDED,
    ),
    Attempt(step="report", item="north", number=1, queued="2026-01-05T06:00:00Z"),
)

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {
            "id": "c5",
            "cell_type": "code",
            "metadata": {},
            "execution_count": 1,
            "source": "metrics",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": "12 stores\n"},
            ],
        }
    ],
}


def served(good: Run, make: SimpleNamespace) -> dict[str, str]:
    wrong = Diagnostic(
        code="bad-tag",
        severity=Severity.ERROR,
        message="the tag 'retries:many' cannot be read: 'many' is not a number of retries",
        place=Place(cell=CellId("c5"), cell_index=4),
        hint="write a number from 0 to 1000",
    )
    misspelt = Diagnostic(
        code="unknown-tag",
        severity=Severity.ERROR,
        message="there is no tag 'retires:2'",
        place=Place(cell=CellId("c5"), cell_index=4),
        hint="did you mean retries:2?",
        fix=Fix(old="retires:2", new="retries:2"),
    )
    told = make.event(
        EventKind.STEP_FINISHED,
        2,
        "metrics",
        attempt=1,
        status=Status.SUCCEEDED,
        message="",
        data={"seconds": 1.0, "outputs": [{"name": "metrics", "kind": "table", "rows": 12}]},
    )
    made = {
        "capabilities.json": documents.capabilities("0.1.0"),
        "tags.json": documents.tags(TAGS),
        "tags-checked.json": documents.diagnostics([wrong, misspelt]),
        "runs-served.json": documents.runs(
            [good], {"shop.ipynb": "reports/shop.ipynb"}, {good.id: {"reused": 1, "succeeded": 4}}
        ),
        "run-started.json": documents.started(good),
        "logs.json": documents.logs(good.id, "metrics", ["metrics | 12 stores"]),
        "outputs.json": documents.outputs(good),
        "output.json": documents.table(PAGE),
        "columns.json": documents.columns(PAGE.columns),
        "result.json": documents.result(good, "reports/shop.ipynb", NOTEBOOK),
        "durations.json": documents.durations(
            "reports/shop.ipynb", {"sales": (1.5, 0.25, 2.0), "metrics": (0.5,)}
        ),
        "timeline.json": documents.timeline(good.id, ATTEMPTS),
        "changes.json": documents.changes(good.id, Changes(changed=(CellId("c5"),))),
        "open.json": documents.opening(good, good.steps[2]),
    }
    texts = {name: wire.document(document) for name, document in made.items()}
    return texts | {"event-sent.json": wire.line(documents.event(told, "reports/shop.ipynb"))}


def test_served_documents_are_those_of_the_golden_files(
    good_run: Run, make: SimpleNamespace, write_expected: bool
) -> None:
    made = served(good_run, make)
    if write_expected:
        for name, content in made.items():
            (WIRE / name).write_text(content, encoding="utf-8")
    assert {name: (WIRE / name).read_text(encoding="utf-8") for name in made} == made


@pytest.mark.parametrize("path", sorted(WIRE.glob("*.json")), ids=lambda path: path.name)
def test_every_sample_is_one_document_of_the_schema(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document.get("schema_version", 1) == 1
