"""nbflow: ordinary Jupyter notebooks that mix SQL and Python, run as workflows.

What a notebook needs is here: `%load_ext nbflow`, `nbflow.wait_for`, `nbflow.load`, `nbflow.show`
and its sisters; and the hooks that Jupyter looks for. All else is imported when it is asked for, so
that `import nbflow` costs nothing.
"""

TYPE_CHECKING = False  # as type checkers know it; `typing` takes as long to import as Python itself
if TYPE_CHECKING:
    from typing import Any

    from nbflow.faces.widgets import parameters, runs, show
    from nbflow.inside.wait import wait_for
    from nbflow.project import Project, load

__version__ = "0.1.0"

__all__ = [
    "Project",
    "__version__",
    "load",
    "load_ipython_extension",
    "parameters",
    "runs",
    "show",
    "wait_for",
]


def __getattr__(name: str) -> "Any":
    if name == "wait_for":
        from nbflow.inside.wait import wait_for

        return wait_for
    if name in ("Project", "load"):
        from nbflow import project

        return getattr(project, name)
    if name in ("parameters", "runs", "show"):
        from nbflow.faces import widgets

        return getattr(widgets, name)
    raise AttributeError(f"module 'nbflow' has no attribute {name!r}")


def load_ipython_extension(ipython: "Any") -> None:
    """Jupyter's hook for `%load_ext nbflow`."""
    from nbflow.faces.magics import load_ipython_extension as load

    load(ipython)


def _jupyter_server_extension_points() -> "list[dict[str, Any]]":
    """Jupyter's hook for its server."""
    return [{"module": "nbflow"}]


def _load_jupyter_server_extension(app: "Any") -> None:
    """Jupyter's hook that adds our addresses to its server."""
    from nbflow.faces.server.extension import load as load_extension

    load_extension(app)


def _jupyter_labextension_paths() -> "list[dict[str, str]]":
    """Jupyter's hook for what its browser side loads."""
    return [{"src": "labextension", "dest": "nbflow"}]
