"""What the planner may ask about the past."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nbflow.core.names import Name
from nbflow.core.plan import Recorded
from nbflow.core.step import CachePolicy, Input, Step, StepId, StepName, StepOptions
from nbflow.core.task import Blob
from nbflow.project.memory import Memory


def a_memory(now: str = "2026-01-01T12:00:00+00:00") -> Memory:
    nothing: Any = None
    return Memory(
        ledger=nothing,
        blobs=nothing,
        displays=nothing,
        notebook="n.ipynb",
        folder=Path(),
        now=datetime.fromisoformat(now).astimezone(UTC),
        kept=nothing,
        contents=nothing,
    )


def a_step(**changes: Any) -> Step:
    fields: dict[str, Any] = {
        "id": StepId("s"),
        "name": StepName("s"),
        "title": None,
        "language": "python",
        "position": 0,
        "cells": (),
        "cell_indexes": (),
        "sources": ("x = 1",),
    }
    return Step(**{**fields, **changes})


def made(at: str) -> Recorded:
    return Recorded(fingerprint="f", run="r", step=StepId("s"), finished=at, outputs={})


@pytest.mark.parametrize(
    ("seconds", "at", "expired"),
    [
        (3600.0, "2026-01-01T11:30:00+00:00", False),
        (3600.0, "2026-01-01T10:59:59+00:00", True),
        (3600.0, "2026-01-01T12:30:00+02:00", True),
        (None, "2020-01-01T00:00:00+00:00", False),
    ],
)
def test_a_duration_counts_from_when_the_content_was_made(
    seconds: float | None, at: str, expired: bool
) -> None:
    """Reusing a result records nothing: its age goes on."""
    policy = CachePolicy(mode="duration" if seconds else "always", seconds=seconds)
    step = a_step(options=StepOptions(cache=policy))
    assert a_memory().expired(step, made(at)) is expired
    assert a_memory().expired(a_step(), made(at)) is False


def test_packages_that_do_the_work_count_though_nobody_imports_them() -> None:
    blob = Blob(names=("df",), kind="table", digest="d", python_type="pandas.DataFrame")
    reads = (Input(name=Name("df"), writer=StepId("w")),)
    parts = a_memory().parts(a_step(inputs=reads), {"df": blob})
    assert "package:pandas" in parts
    assert "package:duckdb" in a_memory().parts(a_step(sources=("%%sql t\nSELECT 1",)), {})
    assert not [key for key in a_memory().parts(a_step(), {}) if key.startswith("package:")]


def test_the_folder_counts_for_who_looks_at_it() -> None:
    assert a_memory().parts(a_step(knows_folder=True), {})["folder"] == str(Path().resolve())
    assert "folder" not in a_memory().parts(a_step(), {})
