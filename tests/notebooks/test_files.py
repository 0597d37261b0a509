"""The notebooks as files: clean, with ids, and as plain as they claim to be."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

NAMES = [
    "retail_daily_sales",
    "flights_delays",
    "plain",
    "churn_model",
    "warehouse",
    "showcase_traps",
]


def read(repository: Path, name: str) -> dict[str, Any]:
    text = (repository / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    notebook: dict[str, Any] = json.loads(text)
    return notebook


def test_these_are_all_the_notebooks(repository: Path) -> None:
    assert {path.stem for path in (repository / "notebooks").glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_valid_and_says_its_kernel(repository: Path, name: str) -> None:
    notebook = read(repository, name)
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("name", NAMES)
def test_no_outputs_are_kept(repository: Path, name: str) -> None:
    cells = [c for c in read(repository, name)["cells"] if c["cell_type"] == "code"]
    assert [c["id"] for c in cells if c["outputs"] or c["execution_count"] is not None] == []


@pytest.mark.parametrize("name", NAMES)
def test_cell_ids_are_words(repository: Path, name: str) -> None:
    ids = [cell["id"] for cell in read(repository, name)["cells"]]
    assert len(set(ids)) == len(ids)
    assert [i for i in ids if not re.fullmatch(r"[a-z][a-z-]+", i)] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_story_opens_with_a_title(repository: Path, name: str) -> None:
    first = read(repository, name)["cells"][0]
    assert first["cell_type"] == "markdown"
    assert "".join(first["source"]).startswith("# ")


def test_plain_has_no_tag_and_no_magic(repository: Path) -> None:
    for cell in read(repository, "plain")["cells"]:
        assert "tags" not in cell["metadata"]
        assert not re.search(r"^\s*[%!]", "".join(cell["source"]), re.MULTILINE)


def test_plain_redefines_df_as_people_do(repository: Path) -> None:
    source = "\n".join("".join(cell["source"]) for cell in read(repository, "plain")["cells"])
    assert len(re.findall(r"^df = ", source, re.MULTILINE)) >= 4
