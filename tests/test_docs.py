"""What people read is true: commands, tags, magics, extras, links; and nothing private got in."""

import ast
import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

from nbflow.core.diagnostic import Place
from nbflow.core.step import CachePolicy, CellTags, CheckMode, StepOptions
from nbflow.notebook.tags import format_tags, parse_tags

DISTRIBUTIONS = {
    "IPython": "ipython",
    "uuid_utils": "uuid-utils",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Packages whose import name is not their distribution's name."""

TOUCHED_IF_THERE = {"matplotlib", "polars"}
"""Imported only where the person's notebook has imported them."""

THERE_IF_LOADED = {"ipywidgets", "jupyter_server", "tornado"}
"""Imported only by what Jupyter's server loads, and by a form that says where it is missing."""


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)["project"]
    return table


def commands() -> click.Group:
    module = importlib.import_module("nbflow.faces.commands")
    return next(value for value in vars(module).values() if isinstance(value, click.Group))


def readme_command(readme: str, says: str) -> str:
    """The one-line command of the README that contains `says`."""
    lines = [line for line in _code_lines(readme) if line.startswith("python3.11") and says in line]
    assert len(lines) == 1
    return lines[0]


def _code_lines(markdown: str) -> list[str]:
    blocks = re.findall(r"^```bash\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


# -- what can be typed ---------------------------------------------------------------------------


def test_every_command_is_documented(readme: str) -> None:
    offered = [name for name, command in commands().commands.items() if not command.hidden]
    assert [name for name in offered if f"`nbflow {name}" not in readme] == []


def test_every_documented_command_exists(readme: str) -> None:
    documented = set(re.findall(r"nbflow ([a-z]+)\b", "\n".join(_code_lines(readme))))
    documented |= set(re.findall(r"`nbflow ([a-z]+)", readme))
    assert documented <= set(commands().commands)


def test_every_option_of_run_is_documented(readme: str) -> None:
    options = {
        name
        for parameter in commands().commands["run"].params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for name in parameter.opts[:1]
    }
    assert [option for option in sorted(options) if f"`{option}" not in readme] == []


def test_every_tag_is_documented(readme: str) -> None:
    options = StepOptions(
        retries=2,
        backoff=5.0,
        timeout=60.0,
        after=("load",),
        check=CheckMode.WARN,
        cache=CachePolicy(mode="never"),
        raises_exception=(),
    )
    tags = CellTags(
        parameters=True,
        injected=True,
        setup=True,
        skip=True,
        step="load",
        raises_exception=True,
        options=options,
    )
    # Whoever adds a tag adds a field, and then a line here and in the README.
    assert _usual_fields(tags, CellTags()) == set()
    assert _usual_fields(options, StepOptions()) == {"raises_exception"}
    heads = {tag.partition(":")[0] for tag in format_tags(tags)} - {"injected-parameters"}
    assert [head for head in sorted(heads) if not re.search(rf"`{head}[:`]", readme)] == []


def test_every_documented_tag_is_understood(readme: str) -> None:
    section = readme.split("## Tags")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    written = [tag for row in rows for tag in re.findall(r"`([^`]+)`", row)]
    assert len(written) > 10
    for tag in written:
        filled = tag.replace("DURATION", "5m").replace("NAME", "load").replace(":N", ":2")
        assert parse_tags([filled], place=Place())[1] == (), tag


def _usual_fields(value: Any, usual: Any) -> set[str]:
    return {f.name for f in fields(value) if getattr(value, f.name) == getattr(usual, f.name)}


def test_every_magic_is_documented(readme: str) -> None:
    assert [magic for magic in sorted(_magics()) if f"`{magic}" not in readme] == []


def _magics() -> set[str]:
    from IPython.core.interactiveshell import InteractiveShell

    def registered() -> set[str]:
        return {
            {"line": "%", "cell": "%%"}[kind] + name
            for kind, table in shell.magics_manager.magics.items()
            for name in table
        }

    shell = InteractiveShell()
    before = registered()
    shell.extension_manager.load_extension("nbflow")
    return registered() - before


# -- packaging -----------------------------------------------------------------------------------


def test_both_commands_stand_in_the_readme(readme: str, project: dict[str, Any]) -> None:
    run = readme_command(readme, "nbflow run")
    tests = readme_command(readme, "pytest")
    for command in (run, tests):
        extras = re.search(r"\.\[([a-z,]+)\]", command)
        assert extras is not None
        assert {*extras.group(1).split(",")} <= project["optional-dependencies"].keys()
        assert " && " in command
    assert tests.endswith('-m pytest -n 2 -m "not ci"')


def test_ci_runs_the_readme_s_test_command(readme: str, repository: Path) -> None:
    script = (repository / ".ci" / "run").read_text(encoding="utf-8")
    command = readme_command(readme, "pytest")
    assert command.replace("python3.11", '"$python"').replace(".venv", '"$venv"') in script


def test_entry_points_can_be_loaded(repository: Path, project: dict[str, Any]) -> None:
    targets = [*project["scripts"].values(), *project["entry-points"]["papermill.engine"].values()]
    for target in targets:
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_dependencies_are_those_that_are_imported(
    repository: Path, project: dict[str, Any]
) -> None:
    declared = {re.split(r"[<>=\[ ]", one)[0].lower() for one in project["dependencies"]}
    used = {DISTRIBUTIONS.get(name, name) for name in _third_party(repository / "nbflow")}
    assert used - declared == (TOUCHED_IF_THERE | THERE_IF_LOADED) & used
    assert declared <= used


def _third_party(package: Path) -> Iterator[str]:
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            tops = {name.partition(".")[0] for name in names}
            yield from tops - {"nbflow"} - sys.stdlib_module_names


# -- the texts -----------------------------------------------------------------------------------


_NOT_OURS = {
    "venv",
    "labextension",
    "__pycache__",
    ".nbflow",
    ".ipynb_checkpoints",
    ".ruff_cache",
    ".mypy_cache",
}


def _texts(repository: Path) -> Iterator[Path]:
    """Everything that is kept in the repository and can be read."""
    tops = ("nbflow", "notebooks", "tests", ".ci")
    kept = {".py", ".md", ".toml", ".ipynb", ".json", ".csv", ""}
    for top in tops:
        for path in sorted((repository / top).rglob("*")):
            hidden = _NOT_OURS & set(path.parts)
            if path.is_file() and path.suffix in kept and not hidden:
                yield path
    yield from (path for path in sorted(repository.glob("*")) if path.is_file())


def test_links_lead_somewhere(repository: Path) -> None:
    broken = [
        f"{path.name}: {link}"
        for path in _texts(repository)
        if path.suffix == ".md"
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
        if "://" not in link and not (path.parent / link).exists()
    ]
    assert broken == []


def test_no_registry_address_and_no_path_of_a_machine(repository: Path) -> None:
    words = [
        "pypi" + ".org",
        "extra-index" + "-url",
        "/" + "root/",
        "/" + "opt/pypi",
        "/" + "work/",
    ]
    pattern = re.compile("|".join(re.escape(word) for word in words))
    found = [
        f"{path.relative_to(repository)}: {match.group()}"
        for path in _texts(repository)
        if (match := pattern.search(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_version_is_in_the_changelog(repository: Path) -> None:
    import nbflow

    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(nbflow.__version__)}\b", changelog, re.MULTILINE)


# -- from nothing --------------------------------------------------------------------------------


@pytest.mark.ci
def test_the_readme_s_run_command_works_from_nothing(
    repository: Path, readme: str, tmp_path: Path
) -> None:
    checkout = _copy(repository, tmp_path / "checkout")
    shell = ["bash", "-c", readme_command(readme, "nbflow run")]
    subprocess.run(shell, cwd=checkout, check=True)
    # What was installed is the wheel, so the demo's files have to be inside it.
    nbflow = checkout / ".venv" / "bin" / "nbflow"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run([nbflow, "demo"], cwd=elsewhere, check=True)
    assert list(elsewhere.rglob("retail_daily_sales.ipynb"))
    assert list(elsewhere.rglob("exceptions-*.csv"))


@pytest.mark.ci
def test_the_wheel_brings_the_lab_s_extension_though_the_machine_has_no_node(
    repository: Path, tmp_path: Path
) -> None:
    checkout = _copy(repository, tmp_path / "checkout")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "dirname", "env", "readlink", "sed", "sh", "uname"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", tmp_path, checkout],
        env={**os.environ, "PATH": str(tools)},
        check=True,
    )
    [wheel] = tmp_path.glob("nbflow-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    shared = [name.partition(".data/data/")[2] for name in names if ".data/data/" in name]
    assert "etc/jupyter/jupyter_server_config.d/nbflow.json" in shared
    top = "share/jupyter/labextensions/nbflow/"
    assert {f"{top}package.json", f"{top}install.json", f"{top}static/style.js"} <= {*shared}
    assert [name for name in names if name.startswith("nbflow/labextension")] == []
    assert [name for name in names if name.endswith(".map")] == []


def _copy(repository: Path, target: Path) -> Path:
    """The checkout as a clone would have it: without what git ignores."""
    left_out = ("*venv", ".git", ".nbflow", "__pycache__", ".*_cache", "data", "reports")
    built = ("node_modules", "labextension")
    shutil.copytree(repository, target, ignore=shutil.ignore_patterns(*left_out, *built))
    return target
