"""Lanes for tests: a task's specification, and kernels of either kind to run it in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbflow.core.task import Source, TaskOutcome, TaskSpec
from nbflow.lanes.client import KernelLane, open_lane
from nbflow.lanes.kernels import Kernels


def a_spec(folder: Path, *sources: str, **changes: Any) -> TaskSpec:
    staging, state = folder / "staging", folder / "state"
    staging.mkdir(exist_ok=True)
    state.mkdir(exist_ok=True)
    (state / "key").write_bytes(b"k" * 32)
    fields: dict[str, Any] = {
        "run": "r",
        "step": "s",
        "step_name": "s",
        "attempt": 1,
        "fence": 1,
        "notebook": "n.ipynb",
        "cells": tuple(
            Source(cell=f"c{index}", cell_index=index, source=source)
            for index, source in enumerate(sources)
        ),
        "staging": str(staging),
        "key_file": str(state / "key"),
        "working_directory": str(folder),
        **changes,
    }
    return TaskSpec(**fields)


def run(lane: KernelLane, spec: TaskSpec) -> TaskOutcome:
    return lane.run(spec, show=lambda *_: None, cancelled=lambda: False)


@contextmanager
def opened(spec: TaskSpec, *, fork: bool, grace: float = 10.0) -> Iterator[KernelLane]:
    """A lane whose kernel is forked or started cold."""
    folder = spec.working_directory
    with Kernels(name=spec.kernel_name, folder=folder, fork=fork) as kernels:
        lane = open_lane(spec, kernels=kernels, logs=Path(folder) / "logs", grace=grace)
        try:
            yield lane
        finally:
            lane.close()


def run_alone(folder: Path, *sources: str, fork: bool, **changes: Any) -> TaskOutcome:
    spec = a_spec(folder, *sources, **changes)
    with opened(spec, fork=fork, grace=0.5) as lane:
        return run(lane, spec)
