"""The notebook as it was when a run started, so that `resume` has the same code."""

from pathlib import Path

from nbflow.project.layout import Layout
from nbflow.project.opened import Opened


def snapshot_path(layout: Layout, run: str) -> Path:
    """Where a run's snapshot lies."""
    return layout.run(run) / "source.ipynb"


def keep_snapshot(layout: Layout, opened: Opened, run: str) -> None:
    """Write the snapshot of a run that is about to start."""
    from nbflow.notebook.save import write_atomic  # brings nbformat

    target = snapshot_path(layout, run)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(opened.node, target)
