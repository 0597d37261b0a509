"""Which notebook somebody means who names none: the one that the cell stands in."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from IPython import get_ipython

from nbflow.core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from nbflow.project import Project


def find(notebook: str | Path | None) -> tuple["Project", Path]:
    """The notebook and its project.

    Raises:
        NotFound: there is no such file. UsageError: nobody knows which notebook is meant.
    """
    from nbflow.project import Project  # it brings all that a run needs

    path = (own() if notebook is None else Path(notebook)).absolute()
    if not path.is_file():
        raise NotFound(f"there is no notebook {path}", hint="name one: nbflow.show('a.ipynb')")
    return Project.find(path), path


def own() -> Path:
    """The notebook that this kernel serves, as far as its front end tells.

    Raises:
        UsageError: it does not, and there are several.
    """
    told = (_of_vscode(), os.environ.get("JPY_SESSION_NAME", ""))
    for name in filter(None, told):
        # Jupyter tells the path from its own root; a kernel works in the notebook's folder.
        for path in (Path(name), Path.cwd() / Path(name).name):
            if path.is_absolute() and path.is_file():
                return path
    found = sorted(Path.cwd().glob("*.ipynb"))
    if len(found) == 1:
        return found[0]
    raise UsageError(
        "this front end does not tell which notebook this is",
        hint="name it: nbflow.show('a.ipynb')",
    )


def _of_vscode() -> str:
    shell = get_ipython()
    return "" if shell is None else str(shell.user_ns.get("__vsc_ipynb_file__", ""))
