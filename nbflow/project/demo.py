"""`nbflow demo` and `nbflow init`: the first files of a project."""

import shutil
from importlib import resources
from pathlib import Path

import nbflow
from nbflow.core.errors import UsageError
from nbflow.project.layout import CONFIG_FILE

DEMO_NOTEBOOK = "retail_daily_sales.ipynb"
_DEMO_FILES = (DEMO_NOTEBOOK, "retail_data.py")

_CONFIG = """\
# What nbflow does by default in this project. Every line is optional.
[project]
# max_size = "20GB"     # `nbflow gc` removes results beyond this

[defaults]
# timeout = "6h"
# retries = 0
# jobs = 2
"""


def write_demo(folder: Path) -> Path:
    """Copy the flagship notebook and its data generator into a folder; returns the notebook.

    Raises:
        UsageError: another file of that name is already there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = _source_folder()
    for name in _DEMO_FILES:
        target = folder / name
        content = (source / name).read_bytes()
        if target.exists() and target.read_bytes() != content:
            raise UsageError(
                f"{target} is already there and differs from the demo's",
                hint="give another folder: nbflow demo FOLDER",
            )
        target.write_bytes(content)
    return folder / DEMO_NOTEBOOK


def write_config(root: Path) -> tuple[Path, ...]:
    """Write `nbflow.toml` where there is none; returns what was written."""
    target = root / CONFIG_FILE
    if target.exists():
        return ()
    target.write_text(_CONFIG, encoding="utf-8")
    return (target,)


def copy_project(source: Path, target: Path) -> None:
    """Copy a project folder without what runs and tools leave in it."""
    left_out = shutil.ignore_patterns(
        ".nbflow", ".git", ".venv", "venv", "node_modules", "__pycache__", ".ipynb_checkpoints"
    )
    shutil.copytree(source, target, ignore=left_out, symlinks=True)


def _source_folder() -> Path:
    packaged = Path(str(resources.files(nbflow))) / "demo_files"
    return packaged if packaged.is_dir() else Path(nbflow.__file__).parent.parent / "notebooks"
