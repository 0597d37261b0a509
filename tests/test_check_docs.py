"""Each code has a page, each page a code, and what the pages show is true."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from nbflow.analysis.lint.codes import CODES
from nbflow.core.diagnostic import Diagnostic, Severity
from nbflow.core.errors import NotebookError
from nbflow.project import Project

REPOSITORY = Path(__file__).parent.parent
PAGES = REPOSITORY / "nbflow" / "faces" / "checks"
RAISING = ("notebook", "analysis", "faces/checking.py")

# Functions of the package that take a code as their first argument.
MAKERS = {"_finding", "finding", "error", "complain", "refusal", "_notice", "_split"}

BLOCK = re.compile(r"^```(\w+) (trigger|good)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CELL = re.compile(r"^# %%(?: tags: (.*))?\n", re.MULTILINE)

# What needs a file that no page can show: its size, encoding, permissions or place.
WITHOUT_EXAMPLE = {
    "empty-file",
    "large-file",
    "no-such-file",
    "not-a-file",
    "not-utf8",
    "notebook",
    "not-pure",
    "opaque",
    "outside-project",
    "too-deep",
    "too-large",
    "unreadable-file",
}


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[Any]:
    return list(_blocks(kind))


def _blocks(kind: str) -> Iterator[Any]:
    for path in sorted(PAGES.glob("*.md")):
        for language, found, body in BLOCK.findall(path.read_text(encoding="utf-8")):
            if found == kind:
                yield pytest.param(path.stem, language, body, id=path.stem)


def notebook_text(language: str, body: str) -> str:
    """An example as a file: JSON as it stands, else cells between `# %%` lines."""
    if language == "json":
        return body
    _, *parts = CELL.split(body)
    cells = [
        new_code_cell(source.rstrip("\n"), id=f"c{number}", metadata={"tags": _tags(tags)})
        for number, (tags, source) in enumerate(zip(parts[::2], parts[1::2], strict=True))
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    text: str = nbformat.writes(new_notebook(cells=cells, metadata={"kernelspec": kernel}))
    return text


def _tags(listed: str | None) -> list[str]:
    return [tag.strip() for tag in (listed or "").split(",") if tag.strip()]


def findings(folder: Path, text: str) -> tuple[Diagnostic, ...]:
    notebook = folder / "example.ipynb"
    notebook.write_text(text, encoding="utf-8")
    try:
        return Project.find(folder).check(notebook)
    except NotebookError as error:
        return error.diagnostics


@pytest.mark.parametrize(("code", "language", "body"), blocks("trigger"))
def test_the_example_of_a_page_triggers_its_code(
    tmp_path: Path, code: str, language: str, body: str
) -> None:
    found = {each.code: each.severity for each in findings(tmp_path, notebook_text(language, body))}
    assert code in found
    severity = re.search(r"^Severity: (\w+)", page(code), re.MULTILINE)
    assert severity is not None
    assert found[code] == Severity(severity[1])


@pytest.mark.parametrize(("code", "language", "body"), blocks("good"))
def test_the_way_out_of_a_page_is_one(tmp_path: Path, code: str, language: str, body: str) -> None:
    found = findings(tmp_path, notebook_text(language, body))
    assert [each.code for each in found] == []


def test_every_page_has_an_example_that_can_have_one() -> None:
    shown = {param.values[0] for param in blocks("trigger")}
    assert shown | WITHOUT_EXAMPLE == CODES
    assert shown & WITHOUT_EXAMPLE == set()


def test_pages_and_codes_are_the_same() -> None:
    assert {path.stem for path in PAGES.iterdir()} == CODES


def test_every_code_that_is_raised_is_known_and_every_known_code_is_raised() -> None:
    assert set(raised()) == CODES


def raised() -> Iterator[str]:
    """The codes that stand in the source of what makes findings."""
    for place in RAISING:
        top = REPOSITORY / "nbflow" / place
        for path in [top] if top.is_file() else sorted(top.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield from _codes_of(node)


def _codes_of(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = [word.value for word in call.keywords if word.arg == "code"]
    if name in MAKERS:
        given += call.args[:1]
    for value in given:
        if isinstance(value, ast.Constant) and re.fullmatch(r"[a-z0-9-]+", str(value.value)):
            yield str(value.value)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_page_says_all_that_one_wants_to_know(code: str) -> None:
    text = page(code)
    assert text.startswith(f"# {code}\n\n")
    assert re.search(r"^Severity: (error|warning|info)\b", text, re.MULTILINE)
    for title in ("## Why it matters", "## The way out", "## To silence it"):
        assert f"\n{title}\n" in text
    prose = BLOCK.sub("", text)
    assert max(map(len, prose.splitlines())) <= 100


def test_examples_of_files_are_what_they_say() -> None:
    broken = {"not-json"}
    for param in blocks("trigger"):
        code, language, body = param.values
        if language == "json" and code not in broken:
            json.loads(str(body))
