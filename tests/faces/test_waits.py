"""`show --why`: which line writes, which line reads, and what to do if one disagrees."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from nbflow.faces.cli import main

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
CELLS = (
    "import wordcloud as stranger",
    "xs = [1, 2]",
    "n = stranger.look(xs)",
    "total = sum(xs)",
    "print(total)",
    "other = [3]",
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [new_code_cell(source, id=f"c{i}") for i, source in enumerate(CELLS)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), tmp_path / "n.ipynb")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> "Say":
    return Say(capsys)


class Say:
    """Gives `show n.ipynb --why …` and returns what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        assert main(["show", "n.ipynb", *words]) == code
        heard = self.capsys.readouterr()
        return heard.out if code == 0 else heard.err


def test_each_edge_shows_both_lines(say: Say) -> None:
    out = say("--why", "xs", "n")
    assert "xs → n  (data, sure)" in out
    assert "cell 3 line 1 reads `xs`, which cell 2 line 1 writes" in out
    assert "cell 2 line 1 │ xs = [1, 2]" in out
    assert "cell 3 line 1 │ n = stranger.look(xs)" in out


def test_the_way_goes_over_other_steps_and_either_may_be_named_first(say: Say) -> None:
    out = say("--why", "cell-5", "n")
    assert "`cell-5` waits for `n`:" in out
    assert out.index("n → total") < out.index("total → cell-5")
    assert "end its line with `# nbflow: pure`" in out


def test_steps_that_do_not_wait(say: Say) -> None:
    out = say("--why", "xs", "other")
    assert "`other` does not wait for `xs`" in out
    assert "after:xs" in out


def test_as_a_document(say: Say) -> None:
    found = json.loads(say("--json", "--why", "n", "total"))
    assert found["waits"] is True
    assert [(one["from"], one["to"], one["certainty"]) for one in found["path"]] == [
        ("n", "total", "may")
    ]
    assert "cell 4 line 1 reads `xs`" in found["message"]


def test_a_step_that_is_not_there(say: Say) -> None:
    assert "did you mean `total`?" in say("--why", "xs", "totl", code=2)
