"""Reading a notebook file: what is refused and how it is said, and ids that stay (FAULTS C)."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from notebook_runs import calls_during

from nbflow.core.diagnostic import Severity
from nbflow.core.errors import NotebookError
from nbflow.core.notebook import CellKind
from nbflow.notebook import document as document_module
from nbflow.notebook.document import DEEPEST, MOST_BYTES
from nbflow.notebook.read import (
    INJECTED_ID,
    LARGE_BYTES,
    drift,
    from_node,
    read_file,
    read_notebook,
    settle,
)

KERNEL = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def code(source: Any, **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        **more,
    }


def book(*cells: Any, minor: int = 5, **more: Any) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": minor,
        "metadata": KERNEL,
        "cells": list(cells),
        **more,
    }


def save(folder: Path, content: Any, name: str = "sales.ipynb") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def refused(path: Path, root: Path) -> NotebookError:
    with pytest.raises(NotebookError) as caught:
        read_file(path, root=root, wait=lambda _: None)
    assert "\n" not in caught.value.message
    assert "Traceback" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_notebook_is_read_as_the_author_wrote_it(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        book(
            {"cell_type": "markdown", "id": "m1", "source": ["# Sales\n", "daily"], "metadata": {}},
            code(["x = 1\n", "y = 2"], id="c1", metadata={"tags": ["parameters", "mine"]}),
            {"cell_type": "raw", "id": "r1", "source": "raw", "metadata": {}},
        ),
    )
    notebook, node = read_notebook(path, root=tmp_path)
    assert notebook.path == "sales.ipynb"
    assert [(c.id, c.index, c.kind, c.source, c.tags) for c in notebook.cells] == [
        ("m1", 0, CellKind.MARKDOWN, "# Sales\ndaily", ()),
        ("c1", 1, CellKind.CODE, "x = 1\ny = 2", ("parameters", "mine")),
        ("r1", 2, CellKind.RAW, "raw", ()),
    ]
    assert (notebook.kernel_name, notebook.language) == ("python3", "python")
    assert len(notebook.content_hash) == 64
    nbformat.validate(node)


def test_reading_never_modifies_the_file(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("x", id="a", outputs=[{"output_type": "stream"}]), minor=2))
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    read_notebook(path, root=tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_notebook_is_known_by_its_posix_path_from_the_root(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "daily"
    folder.mkdir(parents=True)
    path = save(folder, book(code("x", id="a")))
    assert read_notebook(path, root=tmp_path)[0].path == "reports/daily/sales.ipynb"


def test_a_linked_notebook_keeps_the_path_it_was_called_by(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    target = save(tmp_path, book(code("x", id="a")), "elsewhere.ipynb")
    (root / "linked.ipynb").symlink_to(target)
    assert read_notebook(root / "linked.ipynb", root=root)[0].path == "linked.ipynb"


def test_a_root_behind_a_link_is_the_same_root(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    save(root, book(code("x", id="a")))
    (tmp_path / "link").symlink_to(root)
    path = tmp_path / "link" / "sales.ipynb"
    assert read_notebook(path, root=root)[0].path == "sales.ipynb"


def test_a_notebook_outside_the_project_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    error = refused(save(tmp_path, book(code("x", id="a"))), root)
    assert [d.code for d in error.diagnostics] == ["outside-project"]


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "no.ipynb", tmp_path).message
    assert "is not a file" in refused(tmp_path, tmp_path.parent).message


BROKEN: list[tuple[str, bytes, str, str]] = [
    ("empty", b"", "empty-file", "is empty"),
    ("blank", b" \n\t", "empty-file", "is empty"),
    ("not JSON", b"hello", "not-json", "line 1, column 1: not JSON: expecting value"),
    ("truncated", b'{"nbformat": 4,\n "cells": [{"a"', "not-json", "line 2, column 16"),
    ("list", b"[]", "not-a-notebook", "is a list"),
    ("number", b"3", "not-a-notebook", "is a int"),
    ("null", b"null", "not-a-notebook", "is a NoneType"),
    ("object", b"{}", "not-a-notebook", "'nbformat'"),
    ("format as text", b'{"nbformat": "4"}', "not-a-notebook", "'nbformat'"),
    ("format as bool", b'{"nbformat": true}', "not-a-notebook", "'nbformat'"),
    ("no cells", b'{"nbformat": 4}', "not-a-notebook", "no list of cells"),
    ("cells not a list", b'{"nbformat": 4, "cells": {}}', "not-a-notebook", "no list of cells"),
    ("BOM", b"\xef\xbb\xbf{}", "not-utf8", "byte order mark"),
    ("UTF-16", '{"nbformat": 4}'.encode("utf-16"), "not-utf8", "UTF-16"),
    ("UTF-32", '{"nbformat": 4}'.encode("utf-32"), "not-utf8", "UTF-32"),
    ("UTF-16 without mark", '{"a": 4}'.encode("utf-16-le"), "not-json", "NUL bytes"),
    ("NUL", b'{"nbformat":\n \x00 4}', "not-json", "line 2, column 2: the file holds NUL"),
    ("latin-1", b'{\n"a": "\xe9"}', "not-utf8", "line 2, column 7: not UTF-8 text (byte 8)"),
    ("trailing text", b"{} x", "not-json", "line 1, column 4: not JSON: extra data"),
    ("giant number", b'{"nbformat": ' + b"9" * 5000 + b"}", "not-json", "too many digits"),
]


@pytest.mark.parametrize(
    ("data", "finding", "says"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN]
)
def test_c41_a_broken_file_is_one_line_with_its_position(
    tmp_path: Path, data: bytes, finding: str, says: str
) -> None:
    path = save(tmp_path, data)
    error = refused(path, tmp_path)
    assert [d.code for d in error.diagnostics] == [finding]
    assert "sales.ipynb" in error.message
    assert says in error.message


def test_c42_format_3_is_upgraded_in_memory(tmp_path: Path) -> None:
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": "old"},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {"cell_type": "heading", "level": 2, "source": ["Title"], "metadata": {}},
                    {
                        "cell_type": "code",
                        "language": "python",
                        "input": ["x = 1\n", "x"],
                        "outputs": [{"output_type": "pyout", "text": "1", "metadata": {}}],
                        "prompt_number": 3,
                        "collapsed": False,
                        "metadata": {},
                    },
                ],
            }
        ],
    }
    path = save(tmp_path, old)
    before = path.read_bytes()
    reading = read_file(path, root=tmp_path)
    again = read_file(path, root=tmp_path)
    assert [c.source for c in reading.notebook.cells] == ["## Title", "x = 1\nx"]
    assert reading.notebook == again.notebook
    assert "old-format" in [d.code for d in reading.diagnostics]
    assert reading.node["nbformat"] == 4
    assert path.read_bytes() == before
    nbformat.validate(reading.node)


def test_c42_a_damaged_format_3_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [{}]}]})
    assert [d.code for d in refused(path, tmp_path).diagnostics] == ["not-a-notebook"]


def without_ids(*sources: str, minor: int = 4) -> dict[str, Any]:
    return book(*(code(source) for source in sources), minor=minor)


@pytest.mark.parametrize("minor", [0, 1, 2, 3, 4])
def test_c43_cells_without_ids_get_stable_ones(tmp_path: Path, minor: int) -> None:
    path = save(tmp_path, without_ids("a = 1", "b = 2", "a = 1", minor=minor))
    first, second = (read_file(path, root=tmp_path) for _ in range(2))
    ids = [c.id for c in first.notebook.cells]
    assert len(set(ids)) == 3
    assert ids == [c.id for c in second.notebook.cells] == [c["id"] for c in first.node["cells"]]
    assert first.notebook.content_hash == second.notebook.content_hash
    notice = next(d for d in first.diagnostics if d.code == "old-format")
    assert notice.severity is Severity.INFO
    assert "ids" in (notice.hint or "")
    nbformat.validate(first.node)


def test_c43_derived_ids_survive_a_cell_put_in_above(tmp_path: Path) -> None:
    short = read_notebook(save(tmp_path, without_ids("a", "b")), root=tmp_path)[0]
    longer = read_notebook(save(tmp_path, without_ids("new", "a", "b")), root=tmp_path)[0]
    assert [c.id for c in short.cells] == [c.id for c in longer.cells][1:]


def test_c43_a_derived_id_changes_with_the_text(tmp_path: Path) -> None:
    one = read_notebook(save(tmp_path, without_ids("a = 1")), root=tmp_path)[0]
    two = read_notebook(save(tmp_path, without_ids("a = 2")), root=tmp_path)[0]
    assert one.cells[0].id != two.cells[0].id


def test_c43_some_missing_ids_are_derived_and_told(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("a", id="mine"), code("b"), code("c")))
    reading = read_file(path, root=tmp_path)
    assert reading.notebook.cells[0].id == "mine"
    notice = next(d for d in reading.diagnostics if d.code == "missing-ids")
    assert "2, 3" in notice.message


def test_c43_papermill_gives_the_same_ids_for_an_old_notebook(tmp_path: Path) -> None:
    """papermill reads the file itself and gives random ids; the engine must not believe them."""
    text = json.dumps(without_ids("a = 1", "b = 2", "a = 1"))
    path = save(tmp_path, text.encode())
    random_ids = nbformat.v4.upgrade(nbformat.reads(text, as_version=4))
    assert [c.id for c in random_ids.cells] != [c.id for c in from_node(random_ids, "x").cells]
    ours = read_notebook(path, root=tmp_path)[0]
    assert from_node(random_ids, "sales.ipynb") == ours
    assert [c["id"] for c in settle(random_ids, "x")["cells"]] == [c.id for c in ours.cells]


@pytest.mark.parametrize("minor", [4, 5])
def test_c43_cells_are_the_same_when_papermill_reads_the_file(tmp_path: Path, minor: int) -> None:
    ids = [{"id": name} if minor == 5 else {} for name in "pab"]
    tags = {"tags": ["parameters"]}
    cells = [code("day = 1", **ids[0]), code("a", **ids[1]), code("a", **ids[2])]
    cells[0]["metadata"] = tags
    path = save(tmp_path, book(*cells, minor=minor))
    node = papermill.execute_notebook(
        str(path), None, parameters={"day": 2}, prepare_only=True, progress_bar=False
    )
    injected = from_node(node, "sales.ipynb").cells
    ours = read_notebook(path, root=tmp_path)[0].cells
    assert [(c.id, c.source) for c in injected if c.id != INJECTED_ID] == [
        (c.id, c.source) for c in ours
    ]
    assert [c.index for c in injected if c.id == INJECTED_ID] == [1]


@pytest.mark.parametrize("minor", [4, 5])
def test_c43_ids_survive_papermill_when_it_is_given_our_node(tmp_path: Path, minor: int) -> None:
    ids = [{"id": name} if minor == 5 else {} for name in "ab"]
    path = save(tmp_path, book(code("a", **ids[0]), code("b", **ids[1]), minor=minor))
    notebook, node = read_notebook(path, root=tmp_path)
    prepared = papermill.execute_notebook(node, None, prepare_only=True, progress_bar=False)
    assert [cell["id"] for cell in prepared["cells"]] == [cell.id for cell in notebook.cells]
    assert from_node(prepared, "sales.ipynb") == notebook


def test_papermills_injected_cell_has_one_lasting_id(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("day = 1", id="p", metadata={"tags": ["parameters"]})))
    _, node = read_notebook(path, root=tmp_path)
    injected = nbformat.v4.new_code_cell("day = 2", metadata={"tags": ["injected-parameters"]})
    node["cells"].insert(1, injected)
    assert [c.id for c in from_node(node, "x").cells] == ["p", INJECTED_ID]
    assert injected["id"] != INJECTED_ID, "the given node is left as it was"


def test_cells_that_an_earlier_run_made_are_no_cells_of_the_notebook(tmp_path: Path) -> None:
    made = {
        "cell_type": "markdown",
        "id": "nbflow-summary",
        "source": "# Run",
        "metadata": {"nbflow": {"made": "summary"}},
    }
    banner = {
        "cell_type": "markdown",
        "id": "banner",
        "source": "An Exception was encountered",
        "metadata": {"tags": ["papermill-error-cell-tag"]},
    }
    path = save(tmp_path, book(banner, made, code("x", id="a")))
    notebook, node = read_notebook(path, root=tmp_path)
    assert [(c.id, c.index) for c in notebook.cells] == [("a", 0)]
    assert from_node(nbformat.read(path, as_version=4), notebook.path) == notebook
    assert len(node["cells"]) == 1


def test_c44_a_newer_minor_format_runs_with_a_warning(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("x", id="a"), minor=99, strange={"a": 1}))
    reading = read_file(path, root=tmp_path)
    found = {d.code: d.severity for d in reading.diagnostics}
    assert found["newer-format"] is Severity.WARNING
    assert reading.node["nbformat_minor"] == 99


@pytest.mark.parametrize(("major", "finding"), [(5, "format-too-new"), (2, "format-too-old")])
def test_c44_other_major_formats_are_refused(tmp_path: Path, major: int, finding: str) -> None:
    path = save(tmp_path, {"nbformat": major, "nbformat_minor": 0, "cells": []})
    error = refused(path, tmp_path)
    assert [d.code for d in error.diagnostics] == [finding]
    assert f"format {major}" in error.message


def test_c45_the_same_id_twice_names_both_cells(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("a", id="one"), code("b", id="two"), code("c", id="one")))
    error = refused(path, tmp_path)
    assert "cells 1 and 3 have the same id" in error.message
    (finding,) = error.diagnostics
    assert finding.code == "duplicate-id"
    assert (finding.place.cell_index, finding.also[0].cell_index) == (2, 0)


@pytest.mark.parametrize("bad", ["a b/../", "", "x" * 65, "ä", "a\n", 7, None, ["a"]])
def test_c45_an_invalid_id_names_the_cell(tmp_path: Path, bad: Any) -> None:
    error = refused(save(tmp_path, book(code("a", id="ok"), code("b", id=bad))), tmp_path)
    assert [d.code for d in error.diagnostics] == ["bad-id"]
    assert "cell 2 has the invalid id" in error.message


BAD_CELLS: list[tuple[str, Any, str]] = [
    ("type", {**code("x"), "cell_type": "sql"}, 'unknown type "sql"'),
    ("no type", {"source": "x", "metadata": {}}, "unknown type null"),
    ("type as list", {**code("x"), "cell_type": ["code"]}, "unknown type"),
    ("source null", code(None), "its source is null"),
    ("no source", {"cell_type": "code", "metadata": {}}, "its source is null"),
    ("source number", code(3), "its source is 3"),
    ("source of numbers", code(["x", 3]), "no text"),
    ("metadata", code("x", metadata=[]), "broken metadata"),
    ("tags as text", code("x", metadata={"tags": "parameters"}), "broken tags"),
    ("tags of numbers", code("x", metadata={"tags": [1]}), "broken tags"),
    ("tags null", code("x", metadata={"tags": None}), "broken tags"),
    ("text", "x = 1", "is a str, not a cell"),
    ("null", None, "is a NoneType, not a cell"),
]


@pytest.mark.parametrize(
    ("cell", "says"), [c[1:] for c in BAD_CELLS], ids=[c[0] for c in BAD_CELLS]
)
@pytest.mark.parametrize("minor", [4, 5, 99])
def test_c46_a_broken_cell_is_named_by_its_number(
    tmp_path: Path, cell: Any, says: str, minor: int
) -> None:
    error = refused(save(tmp_path, book(code("x = 1"), cell, minor=minor)), tmp_path)
    assert "cell 2 " in error.message
    assert says in error.message
    assert {(d.code, d.place.cell_index) for d in error.diagnostics} == {("bad-cell", 1)}


def test_c46_every_broken_cell_is_found(tmp_path: Path) -> None:
    error = refused(save(tmp_path, book(code(None), code("x"), code(None))), tmp_path)
    assert [d.place.cell_index for d in error.diagnostics] == [0, 2]


def test_missing_boxes_without_meaning_are_filled_in(tmp_path: Path) -> None:
    path = save(tmp_path, {"nbformat": 4, "cells": [{"cell_type": "code", "source": "x"}]})
    _, node = read_notebook(path, root=tmp_path)
    nbformat.validate(node)


def test_c47_old_outputs_are_dropped_before_anything_copies_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = [{"output_type": "stream", "name": "stdout", "text": "x" * LARGE_BYTES}]
    path = save(tmp_path, book(code("x = 1", id="a", outputs=outputs, execution_count=9)))
    seen: list[Any] = []
    check = document_module.refuse_depth

    def watch(document: dict[str, Any], *, shown: str) -> None:
        seen.append([cell["outputs"] for cell in document["cells"]])
        check(document, shown=shown)

    monkeypatch.setattr("nbflow.notebook.read.refuse_depth", watch)
    reading = read_file(path, root=tmp_path)
    assert seen == [[[]]]
    assert [(c["outputs"], c["execution_count"]) for c in reading.node["cells"]] == [([], None)]
    warning = next(d for d in reading.diagnostics if d.code == "large-file")
    assert warning.severity is Severity.WARNING
    assert "MB" in warning.message


def test_c48_a_file_beyond_the_limit_is_not_even_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.ipynb"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)

    def never(_: Path) -> bytes:
        raise AssertionError("the file was read")

    monkeypatch.setattr(Path, "read_bytes", never)
    error = refused(path, tmp_path)
    assert [d.code for d in error.diagnostics] == ["too-large"]


@pytest.mark.parametrize("levels", [DEEPEST, 900, 200_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_c48_deep_nesting_is_refused(
    tmp_path: Path, levels: int, brackets: tuple[bytes, bytes]
) -> None:
    inner = brackets[0] * levels + b"1" + brackets[1] * levels
    path = save(tmp_path, b'{"nbformat": 4, "metadata": {"x": ' + inner + b'}, "cells": []}')
    error = refused(path, tmp_path)
    assert [d.code for d in error.diagnostics] == ["too-deep"]


def test_c48_what_real_notebooks_nest_is_accepted(tmp_path: Path) -> None:
    nested: Any = 1
    for _ in range(DEEPEST - 5):
        nested = {"a": nested}
    path = save(tmp_path, book(code("x", id="a"), metadata={**KERNEL, "widgets": nested}))
    assert read_notebook(path, root=tmp_path)[0].cells


@pytest.mark.parametrize("metadata", [{}, {"kernelspec": {}}, {"kernelspec": []}])
def test_c49_no_kernelspec_is_a_notice(tmp_path: Path, metadata: dict[str, Any]) -> None:
    path = save(tmp_path, book(code("x", id="a"), metadata=metadata))
    reading = read_file(path, root=tmp_path)
    assert (reading.notebook.kernel_name, reading.notebook.language) == (None, None)
    notice = next(d for d in reading.diagnostics if d.code == "no-kernelspec")
    assert notice.severity is Severity.INFO
    assert "default kernel" in (notice.hint or "")


def test_a_plain_notebook_gives_no_notice(tmp_path: Path) -> None:
    assert read_file(save(tmp_path, book(code("x", id="a"))), root=tmp_path).diagnostics == ()


def test_c30_a_run_keeps_its_snapshot_and_sees_the_edit(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("x = 1", id="a")))
    notebook, node = read_notebook(path, root=tmp_path)
    assert drift(notebook, root=tmp_path) is None
    save(tmp_path, book(code("x = 2", id="a")))
    assert (notebook.cells[0].source, node["cells"][0]["source"]) == ("x = 1", "x = 1")
    assert "changed since the run started" in (drift(notebook, root=tmp_path) or "")


def test_c30_new_outputs_alone_are_no_change(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("x = 1", id="a")))
    notebook, _ = read_notebook(path, root=tmp_path)
    output = {"output_type": "stream", "name": "stdout", "text": "1"}
    save(tmp_path, book(code("x = 1", id="a", outputs=[output], execution_count=4)))
    assert drift(notebook, root=tmp_path) is None


def test_c31_a_notebook_removed_during_the_run_is_told(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("x = 1", id="a")))
    notebook, node = read_notebook(path, root=tmp_path)
    path.rename(tmp_path / "other.ipynb")
    assert "removed or renamed" in (drift(notebook, root=tmp_path) or "")
    assert node["cells"][0]["source"] == "x = 1"


def test_c31_a_notebook_that_broke_during_the_run_is_told(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("x = 1", id="a")))
    notebook, _ = read_notebook(path, root=tmp_path)
    path.write_bytes(b"[]")
    assert "cannot be read now" in (drift(notebook, root=tmp_path) or "")


def saved_after(path: Path, waits: int) -> tuple[Callable[[float], None], list[float]]:
    """An editor that finishes saving during the given wait."""
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == waits:
            path.write_text(json.dumps(book(code("x = 1", id="a"))))

    return wait, waited


@pytest.mark.parametrize("half", [b"", b'{"nbformat": 4, "cel'])
@pytest.mark.parametrize("waits", [1, 2])
def test_c32_a_half_written_file_is_read_again(tmp_path: Path, half: bytes, waits: int) -> None:
    path = save(tmp_path, half)
    wait, waited = saved_after(path, waits)
    assert read_file(path, root=tmp_path, wait=wait).notebook.cells[0].source == "x = 1"
    assert len(waited) == waits


def test_c32_after_three_tries_the_position_is_told(tmp_path: Path) -> None:
    path = save(tmp_path, b'{"nbformat": 4, "cel')
    wait, waited = saved_after(path, 3)
    with pytest.raises(NotebookError, match="line 1, column 17"):
        read_file(path, root=tmp_path, wait=wait)
    assert len(waited) == 2


def test_c32_what_waiting_cannot_mend_is_refused_at_once(tmp_path: Path) -> None:
    path = save(tmp_path, b"[]")
    wait, waited = saved_after(path, 1)
    with pytest.raises(NotebookError):
        read_file(path, root=tmp_path, wait=wait)
    assert waited == []


@pytest.mark.parametrize("minor", [4, 5])
def test_c55_the_work_grows_with_the_cells_and_no_faster(tmp_path: Path, minor: int) -> None:
    def work(cells: int) -> int:
        names = [{"id": f"c{i}"} if minor == 5 else {} for i in range(cells)]
        content = book(*(code("x = 1", **name) for name in names), minor=minor)
        path = save(tmp_path, content, f"{cells}.ipynb")
        return calls_during(lambda: read_notebook(path, root=tmp_path))

    work(10)
    small, large = work(500), work(5000)
    assert large < 12 * small


def test_c62_a_lone_surrogate_in_a_source_is_kept_and_hashed(tmp_path: Path) -> None:
    path = save(tmp_path, book(code("x = '\ud800'", id="a"), minor=5))
    notebook, _ = read_notebook(path, root=tmp_path)
    assert notebook.cells[0].source == "x = '\ud800'"


def test_the_hash_counts_ids_kinds_sources_and_tags(tmp_path: Path) -> None:
    versions = [
        book(code("x", id="a")),
        book(code("y", id="a")),
        book(code("x", id="b")),
        book(code("x", id="a", metadata={"tags": ["skip"]})),
        book({"cell_type": "raw", "id": "a", "source": "x", "metadata": {}}),
    ]
    hashes = [read_notebook(save(tmp_path, v), root=tmp_path)[0].content_hash for v in versions]
    assert len(set(hashes)) == len(versions)
