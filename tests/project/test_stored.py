"""`get`: which value a name means."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from blake3 import blake3

from nbflow.core.errors import UsageError
from nbflow.core.names import Name
from nbflow.core.run import Run, RunId, Status, StepResult
from nbflow.core.task import Blob, StagedBlob
from nbflow.inside import tables
from nbflow.inside.seal import read_seal
from nbflow.inside.values import Packing
from nbflow.project import Project
from nbflow.project.stored import find_output, stored_value
from nbflow.store.blobs import BlobStore
from tests.planning.graphs import a_graph, a_step


def a_blob(name: str, digest: str) -> Blob:
    return Blob(names=(name,), kind="json", digest=digest, suffix="json")


def a_run(*steps: tuple[str, Blob]) -> Run:
    return Run(
        id=RunId("r"),
        status=Status.SUCCEEDED,
        notebook="n.ipynb",
        notebook_hash="",
        steps=tuple(
            StepResult(step=name, step_id=name, status=Status.SUCCEEDED, outputs=(blob,))
            for name, blob in steps
        ),
    )


RUN = a_run(("df", a_blob("df", "1")), ("df-2", a_blob("df", "2")))


@pytest.mark.parametrize(("name", "digest"), [("df", "2"), ("df.df", "1"), ("df-2.df", "2")])
def test_a_name_is_its_last_version_unless_a_step_is_named(name: str, digest: str) -> None:
    assert find_output(RUN, name).digest == digest


def test_a_run_that_stored_nothing_says_what_is_stored() -> None:
    with pytest.raises(UsageError) as caught:
        find_output(a_run(), "rate")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("it stored none: ")


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        find_output(a_run(("sales", a_blob("sales", "1"))), "sale")
    assert caught.value.hint == "did you mean sales?"


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json", "duckdb"])
def test_a_large_table_can_be_had_in_every_format(suffix: str, tmp_path: Path) -> None:
    store, frame = BlobStore(tmp_path / ".nbflow"), pd.DataFrame({"a": [1, 2]}, index=[7, 8])
    seal = read_seal(store.key())
    path, _ = tables.write_large(frame, tmp_path / "large", seal=seal, summing=blake3())
    digest = tables.content_digest(frame)
    blob = Blob(names=("df",), kind="table", digest=digest, suffix=path.suffix[1:])
    blob = store.commit(StagedBlob(blob=blob, path=str(path)))
    assert stored_value(store, blob, "df", None).text == str(frame)

    output = tmp_path / f"out.{suffix}"
    output.write_text("what was there before")
    assert stored_value(store, blob, "df", output).path == output
    read = {
        "csv": lambda: pd.read_csv(output, index_col=0),
        "parquet": lambda: pd.read_parquet(output),
        "json": lambda: pd.read_json(output).set_index(frame.index),
        "duckdb": lambda: tables.read_frame(output, seal=seal),
    }
    pd.testing.assert_frame_equal(read[suffix](), frame)


@pytest.mark.slow
def test_an_older_version_is_no_answer_for_one_that_was_not_kept(tmp_path: Path) -> None:
    """`draw` is a generator's object that two cells change, the last of them for nobody."""
    cells = ["import random\ndraw = random.Random(1)", "a = draw.random()", "b = draw.random()"]
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(node, tmp_path / "n.ipynb")
    project = Project.find(tmp_path)
    run = project.run(tmp_path / "n.ipynb")
    with pytest.raises(UsageError, match="did not keep the last `draw`, which step `b` left"):
        project.get(run.id, "draw")
    assert project.get(run.id, "b").text is not None


@pytest.mark.parametrize(
    ("stored_by", "digest"),
    [(("make", "change"), "2"), (("make", "change", "hold"), "3"), (("make", "hold"), "3")],
)
def test_what_a_step_below_the_last_writer_stored_is_the_last_version(
    stored_by: tuple[str, ...], digest: str
) -> None:
    """Steps store what they read together with what shares it."""
    writes = {"make": ("rows",), "change": ("rows",), "hold": ("both",)}
    graph = a_graph(
        *(a_step(name, declared_writes=tuple(map(Name, made))) for name, made in writes.items())
    )
    versions = {"make": "1", "change": "2", "hold": "3"}
    results = tuple(
        StepResult(
            step=name,
            step_id=name,
            status=Status.SUCCEEDED,
            outputs=(a_blob("rows", versions[name]),) if name in stored_by else (),
        )
        for name in writes
    )
    run = replace(a_run(), steps=results)
    assert find_output(run, "rows", graph).digest == digest


@pytest.mark.slow
def test_what_a_step_changed_unforeseen_is_what_the_run_left(tmp_path: Path) -> None:
    """No text shows that `rows` is changed: the call goes by way of a dict of functions."""
    (tmp_path / "tools.py").write_text("import operator\nADD = operator.iadd\n")
    cells = [
        "from tools import ADD\nrows = [1]",
        "kept = len(rows)",
        "done = len(getattr(__import__('tools'), 'ADD')(rows, [2]))",
    ]
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(node, tmp_path / "n.ipynb")
    project = Project.find(tmp_path)
    run = project.run(tmp_path / "n.ipynb")
    assert project.get(run.id, "rows").text == "[1, 2]"


def test_a_series_is_printed_as_pandas_does(tmp_path: Path) -> None:
    store, series = BlobStore(tmp_path / ".nbflow"), pd.Series([1, 2], index=["a", "b"])
    packing = Packing(seal=read_seal(store.key()), namespace={})
    file = tmp_path / "s.pickle"
    file.write_bytes(packing.dumps(series))
    blob = Blob(names=("s",), kind="pickle", digest="5e" * 32, suffix="pickle", preview="a 1 b 2")
    blob = store.commit(StagedBlob(blob=replace(blob, python_type="pandas.Series"), path=str(file)))
    assert stored_value(store, blob, "s", None).text == str(series)
