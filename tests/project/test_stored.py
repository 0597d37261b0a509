"""`get`: which value a name means."""

from pathlib import Path

import pandas as pd
import pytest
from blake3 import blake3

from nbflow.core.errors import UsageError
from nbflow.core.run import Run, RunId, Status, StepResult
from nbflow.core.task import Blob, StagedBlob
from nbflow.inside import tables
from nbflow.inside.seal import read_seal
from nbflow.project.stored import find_output, stored_value
from nbflow.store.blobs import BlobStore


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
