"""Who may import whom. Every import counts, also inside functions and under TYPE_CHECKING."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "nbflow"

MAY_IMPORT: dict[str, frozenset[str]] = {
    "core": frozenset(),
    "notebook": frozenset({"nbformat", "blake3"}),
    "analysis": frozenset({"sqlglot", "IPython.core.inputtransformer2", "duckdb"}),
    "planning": frozenset({"blake3"}),
    "recipes": frozenset({"sqlglot"}),
    "execution": frozenset(
        {"papermill", "nbclient", "nbformat", "jupyter_client", "psutil", "msgspec", "blake3"}
    ),
    "lanes": frozenset({"IPython", "ipykernel", "jupyter_client", "platformdirs", "psutil", "zmq"}),
    "inside": frozenset(
        {
            "IPython",
            "blake3",
            "cloudpickle",
            "duckdb",
            "msgspec",
            "numpy",
            "pandas",
            "polars",
            "pyarrow",
        }
    ),
    "store": frozenset({"blake3", "duckdb", "msgspec", "pyarrow"}),
    "faces": frozenset({"nbflow.project", "click", "rich"}),
}
"""Beside the standard library, core, and the folder itself. `project` may import everything."""

ALSO: dict[str, frozenset[str]] = {
    # Jupyter's hooks, and what a notebook asks for; lazy, so that `import nbflow` is free.
    "__init__.py": frozenset(
        {
            "nbflow.inside.wait",
            "nbflow.project",
            "nbflow.faces.magics",
            "nbflow.faces.server.extension",
            "nbflow.faces.widgets",
        }
    ),
    # `python -m nbflow`
    "__main__.py": frozenset({"nbflow.faces.cli"}),
    # The face that a kernel sees: it opens the door to what runs there.
    "faces/lane.py": frozenset({"nbflow.inside", "nbflow.analysis", "IPython", "msgspec"}),
    # `%%sql` in an open notebook is the code that lanes run.
    "faces/magics.py": frozenset({"nbflow.inside", "IPython", "pandas"}),
    # Jupyter's server gives the frame.
    "faces/server/extension.py": frozenset({"jupyter_server"}),
    "faces/server/handlers.py": frozenset({"jupyter_server", "tornado"}),
    "faces/server/stream.py": frozenset({"tornado"}),
    # They live in a notebook; the form needs ipywidgets, and says so where that is missing.
    "faces/widgets/here.py": frozenset({"IPython"}),
    "faces/widgets/living.py": frozenset({"IPython"}),
    "faces/widgets/form.py": frozenset({"ipywidgets"}),
    # Ambient channels of libraries; touched only where the notebook has imported them.
    "inside/ambient.py": frozenset({"matplotlib", "cycler", "control"}),
    "inside/pictures.py": frozenset({"matplotlib"}),
    # papermill calls it, so it must be papermill's kind of thing.
    "faces/engine.py": frozenset({"papermill"}),
    # `-f params.yaml`
    "faces/given.py": frozenset({"yaml"}),
}

PACKAGE_ITSELF = frozenset({"lanes/forking.py", "lanes/client.py", "lanes/experience.py"})
"""Files that may `import nbflow`, to know where it lies: a kernel must find the same package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """`file` (POSIX, from nbflow/) imports the dotted `module` on `line`."""

    file: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"nbflow/{self.file}:{self.line} imports {self.module}"


def imports_of(source: str, file: str) -> Iterator[Import]:
    """All imports in a text, wherever they stand; relative ones made absolute."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=module, level=level, names=names):
                base = ".".join(filter(None, [_package(file, level), module]))
                modules = [f"{base}.{alias.name}" for alias in names]
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                modules = [module]
            case _:
                continue
        for name in modules:
            yield Import(file=file, line=node.lineno, module=name)


def _package(file: str, level: int) -> str:
    if level == 0:
        return ""
    folders = ["nbflow", *Path(file).parts[:-1]]
    return ".".join(folders[: len(folders) - level + 1])


def is_allowed(found: Import) -> bool:
    """Does the floor plan have a door between the two?"""
    folder = found.file.split("/")[0]
    if folder == "project":
        return not found.module.startswith("nbflow.faces")
    if found.module == "nbflow":
        return found.file in PACKAGE_ITSELF
    doors = {"nbflow.core", "nbflow.__version__", f"nbflow.{folder}", *sys.stdlib_module_names}
    doors |= MAY_IMPORT.get(folder, frozenset()) | ALSO.get(found.file, frozenset())
    return any(found.module == door or found.module.startswith(f"{door}.") for door in doors)


def files() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", files())
def test_a_file_imports_only_what_the_floor_plan_allows(file: str) -> None:
    source = (PACKAGE / file).read_text(encoding="utf-8")
    assert [str(found) for found in imports_of(source, file) if not is_allowed(found)] == []


def test_every_folder_stands_in_the_plan() -> None:
    folders = {file.split("/")[0] for file in files() if "/" in file}
    assert folders <= {*MAY_IMPORT, "project"}


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/step.py", "import pandas"),
        ("core/step.py", "from nbflow.store import history"),
        ("notebook/read.py", "from nbflow.analysis.facts import CellFacts"),
        ("notebook/read.py", "from ..analysis import facts"),
        ("planning/build.py", "def f():\n    import duckdb"),
        ("planning/build.py", "if TYPE_CHECKING:\n    from nbflow.store.history import Ledger"),
        ("planning/build.py", "importlib.import_module('nbflow.store')"),
        ("analysis/cells.py", "from IPython import get_ipython"),
        ("lanes/kernel.py", "import nbflow.execution.runner"),
        ("inside/sql.py", "import sqlglot"),
        ("store/history.py", "from nbflow import inside"),
        ("project/verbs.py", "from nbflow.faces.cli import main"),
        ("faces/cli.py", "from nbflow.execution.runner import Runner"),
        ("faces/cli.py", "import duckdb"),
        ("inside/sql.py", "import nbflow"),
        ("recipes/queries.py", "import duckdb"),
        ("recipes/reading.py", "from nbflow.analysis.facts import CellFacts"),
    ],
)
def test_a_forbidden_import_is_found(file: str, source: str) -> None:
    assert not all(is_allowed(found) for found in imports_of(source, file))


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/step.py", "from dataclasses import dataclass\nfrom nbflow.core.names import Name"),
        ("analysis/link.py", "from nbflow.analysis import facts\nfrom . import versions"),
        ("analysis/cells.py", "from IPython.core.inputtransformer2 import TransformerManager"),
        ("inside/tables.py", "def f():\n    import polars"),
        ("project/verbs.py", "import tomlkit\nfrom nbflow.execution.runner import Runner"),
        ("faces/cli.py", "from nbflow import __version__\nfrom nbflow.project import Project"),
        ("faces/lane.py", "from nbflow.inside.capture import capture"),
    ],
)
def test_an_allowed_import_passes(file: str, source: str) -> None:
    assert all(is_allowed(found) for found in imports_of(source, file))


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {_module(file) for file in files()} - {"nbflow"}
    wants = {
        _module(file): {
            target
            for found in imports_of((PACKAGE / file).read_text(encoding="utf-8"), file)
            if (target := _nearest(found.module, known)) and target != _module(file)
        }
        for file in files()
        if file != "__init__.py"
    }
    assert circle(wants) == []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def circle(wants: dict[str, set[str]]) -> list[str]:
    """The first circle, as the way round; empty if there is none."""
    done: set[str] = set()

    def walk(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for target in sorted(wants.get(module, ())):
            if found := walk(target, [*way, module]):
                return found
        done.add(module)
        return []

    return next((found for start in sorted(wants) if (found := walk(start, []))), [])


def _module(file: str) -> str:
    return ".".join(["nbflow", *Path(file).with_suffix("").parts]).removesuffix(".__init__")


def _nearest(module: str, known: set[str]) -> str | None:
    while module:
        if module in known:
            return module
        module = module.rpartition(".")[0]
    return None
