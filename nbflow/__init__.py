"""nbflow: ordinary Jupyter notebooks that mix SQL and Python, run as workflows.

What a notebook needs is here: `%load_ext nbflow` and `nbflow.wait_for`. Everything else is imported
when it is asked for, so that `import nbflow` costs nothing.
"""

TYPE_CHECKING = False  # as type checkers know it; `typing` takes as long to import as Python itself
if TYPE_CHECKING:
    from typing import Any

    from nbflow.inside.wait import wait_for
    from nbflow.project import Project

__version__ = "0.1.0"

__all__ = ["Project", "__version__", "load_ipython_extension", "wait_for"]


def __getattr__(name: str) -> "Any":
    if name == "wait_for":
        from nbflow.inside.wait import wait_for

        return wait_for
    if name == "Project":
        from nbflow.project import Project

        return Project
    raise AttributeError(f"module 'nbflow' has no attribute {name!r}")


def load_ipython_extension(ipython: "Any") -> None:
    """Jupyter's hook for `%load_ext nbflow`."""
    from nbflow.faces.magics import load_ipython_extension as load

    load(ipython)
