"""Journeys: the real command line, in a folder of its own, leaving no process behind."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An empty project folder to give commands in."""
    made = Bench(tmp_path / "project")
    yield made
    made.clear()
