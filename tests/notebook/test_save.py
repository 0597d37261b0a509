"""Writing result notebooks: whole or not at all, never over the source (FAULTS B)."""

import errno
import json
import os
import resource
import stat
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from papermill.iorw import LocalHandler, PapermillIO, local_file_io_cwd, papermill_io, write_ipynb

sys.path.insert(0, str(Path(__file__).parent))
from notebook_runs import MAKE, book, code

from nbflow.core.errors import StoreError, UsageError
from nbflow.notebook.save import (
    notebook_text,
    save_atomically,
    write_atomic,
    write_text,
)

NODE = book(code("a", "x = 1"))
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def failing(name: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call of `os` fail with that error number."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, fail)


def test_a_notebook_is_written_as_jupyter_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "out.ipynb"
    write_atomic(NODE, path)
    assert nbformat.read(path, as_version=4) == NODE
    assert path.read_text().endswith("}\n")
    assert left_behind(tmp_path) == ["out.ipynb"]


def test_an_existing_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "out.ipynb"
    path.write_text("old")
    path.chmod(0o640)
    write_atomic(NODE, path)
    assert nbformat.read(path, as_version=4) == NODE
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_permissions_that_any_new_file_has(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    write_atomic(NODE, tmp_path / "out.ipynb")
    assert (tmp_path / "out.ipynb").stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_c22_a_full_disk_leaves_the_old_version_and_names_path_and_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    path = tmp_path / "out.ipynb"
    path.write_text("old")
    failing(call, number, monkeypatch)
    with pytest.raises(StoreError) as caught:
        write_atomic(NODE, path)
    monkeypatch.undo()
    assert str(path) in caught.value.message
    assert "the disk is full" in caught.value.message
    assert f"{len(notebook_text(NODE)):,} bytes are needed" in caught.value.message
    assert "are free" in caught.value.message
    assert path.read_text() == "old"
    assert left_behind(tmp_path) == ["out.ipynb"]


def test_c22_a_write_that_ends_half_way_leaves_the_old_version(tmp_path: Path) -> None:
    """A limit on the file size stops the write itself after some bytes, as a full disk does."""
    path = tmp_path / "out.ipynb"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StoreError, match="the disk is full"):
            write_atomic(book(code("a", "x" * 1_000_000)), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "old"
    assert left_behind(tmp_path) == ["out.ipynb"]


def test_c13_an_interrupt_leaves_the_old_version_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.ipynb"
    path.write_text("old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(NODE, path)
    assert path.read_text() == "old"
    assert left_behind(tmp_path) == ["out.ipynb"]


def test_c22_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """/dev/full refuses every write, as a disk without room does."""
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(StoreError, match="the disk is full"):
        write_text("x", full)


def test_c17_an_error_of_the_disk_is_not_swallowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing("fsync", errno.EIO, monkeypatch)
    with pytest.raises(StoreError, match="cannot be written"):
        write_atomic(NODE, tmp_path / "out.ipynb")


def test_c18_whatever_call_fails_the_old_version_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the first, second, … file operation fail: old or new content, and nothing beside it."""
    path = tmp_path / "out.ipynb"
    wanted = notebook_text(NODE)
    for allowed in range(100):
        path.write_text("old")
        with monkeypatch.context() as patch:
            failed = fail_after(allowed, patch)
            with suppress(StoreError):
                write_atomic(NODE, path)
        assert path.read_text() in ("old", wanted)
        assert left_behind(tmp_path) == ["out.ipynb"]
        if not failed():
            assert path.read_text() == wanted
            return
    raise AssertionError("the write never came to its end")


def fail_after(allowed: int, patch: pytest.MonkeyPatch) -> Callable[[], bool]:
    calls: list[str] = []

    def wrap(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            if len(calls) == allowed + 1:
                raise OSError(errno.ENOSPC, "no room")
            return real(*args, **kwargs)

        patch.setattr(owner, name, call)

    for name in ("fsync", "replace", "chmod", "open"):
        wrap(os, name)
    return lambda: len(calls) > allowed


def test_c28_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target.ipynb"
    target.write_text("precious")
    (tmp_path / "out.ipynb").symlink_to(target)
    (tmp_path / "dangling.ipynb").symlink_to(tmp_path / "nowhere.ipynb")
    for name in ("out.ipynb", "dangling.ipynb"):
        with pytest.raises(UsageError, match="symbolic link"):
            write_atomic(NODE, tmp_path / name)
    assert target.read_text() == "precious"
    assert not (tmp_path / "nowhere.ipynb").exists()


def test_c28_a_folder_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        write_atomic(NODE, tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        write_atomic(NODE, tmp_path / "no" / "out.ipynb")


def test_the_source_is_never_overwritten_whatever_it_is_called(tmp_path: Path) -> None:
    source = tmp_path / "sales.ipynb"
    source.write_text("precious")
    os.link(source, tmp_path / "same.ipynb")
    for path in (source, tmp_path / "same.ipynb", tmp_path / "." / "sales.ipynb"):
        with pytest.raises(UsageError, match="the notebook itself"):
            write_atomic(NODE, path, source=source)
    assert source.read_text() == "precious"


def test_c62_lone_surrogates_are_written_as_json_can_say_them(tmp_path: Path) -> None:
    node = book(code("a", "x = '\ud800 é 🎉'"))
    path = tmp_path / "out.ipynb"
    write_atomic(node, path)
    assert json.loads(path.read_bytes())["cells"][0]["source"] == ["x = '\ud800 é 🎉'"]
    assert "é 🎉".encode() in path.read_bytes()


def odd() -> nbformat.NotebookNode:
    """Keys around the cells, lists of cells where none is meant, outputs of all kinds."""
    node = book(code("a", 'x = """\n "cells": []\n ]\n"""'), MAKE.new_markdown_cell("# b\nc"))
    node["a first key"] = {"cells": []}
    node["metadata"]["more"] = {"cells": [{"cells": []}]}
    node["cells"][0]["outputs"] = [
        MAKE.new_output("stream", name="stdout", text="one\ntwo\u2028\x0cthree\n"),
        MAKE.new_output("display_data", {"text/html": "<b>\n</b>", "application/json": [1, {}]}),
        MAKE.new_output("error", ename="E", evalue="", traceback=["a\nb"]),
    ]
    node["cells"][1]["attachments"] = {"a.txt": {"text/plain": "a\nb"}}
    node["cells"][1]["metadata"]["trusted"] = True
    return node


@pytest.mark.parametrize(
    "node", [NODE, book(), odd(), book(code("a", "x = '\ud800 é 🎉'"))], ids=range(4)
)
def test_the_text_is_that_of_nbformat(node: nbformat.NotebookNode) -> None:
    before = json.dumps(node)
    assert notebook_text(node) == nbformat.v4.writes(node) + "\n"
    assert json.dumps(node) == before


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_text_of_a_real_notebook_is_that_of_nbformat(path: Path) -> None:
    node = nbformat.read(path, as_version=4)
    assert notebook_text(node) == nbformat.v4.writes(node) + "\n"


def test_what_cells_have_printed_takes_room_twice_only(tmp_path: Path) -> None:
    line = "x" * 99 + "\n"
    node = book(*(code(f"c{n}") for n in range(10)))
    for cell in node["cells"]:
        cell["outputs"] = [MAKE.new_output("stream", name="stdout", text=line * 10_000)]
    tracemalloc.start()
    try:
        write_atomic(node, tmp_path / "out.ipynb")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * (tmp_path / "out.ipynb").stat().st_size


def test_numbers_that_json_does_not_have_become_text(tmp_path: Path) -> None:
    node = book(code("a"))
    data = {"application/json": {"y": [1.5, float("nan"), -float("inf")]}}
    node["cells"][0]["outputs"] = [MAKE.new_output("display_data", data)]

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    read = json.loads(notebook_text(node), parse_constant=refuse)
    shown = read["cells"][0]["outputs"][0]["data"]["application/json"]
    assert shown == {"y": [1.5, "nan", "-inf"]}


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_text("x", Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


@pytest.fixture
def registry() -> PapermillIO:
    """papermill's handlers as they are in a fresh process."""
    made = PapermillIO()
    made.register("local", LocalHandler())
    return made


def test_papermills_own_saves_become_atomic(
    tmp_path: Path, registry: PapermillIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_atomically(registry)
    save_atomically(registry)
    path = tmp_path / "out.ipynb"
    registry.write("new", str(path))
    failing("fsync", errno.ENOSPC, monkeypatch)
    with pytest.raises(StoreError, match="the disk is full"):
        registry.write("newer", str(path))
    assert path.read_text() == "new"
    assert registry.read(str(path)) == "new"
    assert left_behind(tmp_path) == ["out.ipynb"]


def test_papermills_own_folder_is_minded(tmp_path: Path, registry: PapermillIO) -> None:
    save_atomically(registry)
    registry.get_handler("local").cwd(str(tmp_path))
    registry.write("x", "out.ipynb")
    assert (tmp_path / "out.ipynb").read_text() == "x"
    with pytest.raises(FileNotFoundError, match="doesn't exist"):
        registry.write("x", "no/out.ipynb")


def test_the_real_registry_can_be_given_our_way_of_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = papermill_io.get_handler("local")
    monkeypatch.setattr(handler, "write", handler.write)  # put back after the test
    save_atomically(papermill_io)
    with local_file_io_cwd(str(tmp_path)):
        write_ipynb(book(code("a", "x = '\ud800'")), "out.ipynb")
    assert json.loads((tmp_path / "out.ipynb").read_bytes())["cells"][0]["id"] == "a"
    assert left_behind(tmp_path) == ["out.ipynb"]
