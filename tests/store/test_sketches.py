"""What is said of a file that changed, from the sketches of its contents."""

from pathlib import Path

import duckdb
import pytest

from nbflow.store import sketches
from nbflow.store.sketches import Sketch, Sketches, diff_lines, in_words, sketch_of, text_diff

BASE = "day,amount,shop\n" + "".join(f"{day},{day * 2},z\n" for day in range(10))


def sketched(folder: Path, text: str, name: str = "a.csv") -> Sketch:
    path = folder / name
    path.write_text(text)
    found = sketch_of(path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (BASE + "99,1,z\n" * 3, "3 rows added"),
        (BASE.replace("5,10,z\n", ""), "1 row removed"),
        (BASE.replace("5,10", "5,11"), "1 row changed in `amount`"),
        (BASE.replace("5,10,z", "6,11,y"), "1 row changed"),
        (BASE.replace("day,", "date,"), "column `date` added, column `day` removed"),
        ("\n".join([BASE.splitlines()[0], *BASE.splitlines()[:0:-1]]), "the order of its rows"),
        (BASE.replace("\n", "\r\n"), ""),
        (BASE + "1,2,3,4,5\n,,", None),
        ("", None),
        ("\x00\x01", None),
    ],
)
def test_tables_are_compared_by_rows_and_columns(
    tmp_path: Path, changed: str, words: str | None
) -> None:
    """What cannot be read as the same kind of table must only not fail."""
    old = sketched(tmp_path, BASE)
    new = sketched(tmp_path, changed)
    assert words is None or in_words(old, new) == words
    assert isinstance(in_words(old, new), str)


def test_other_kinds_of_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    found = []
    for rows in (10, 12):
        copy = f"COPY (SELECT range AS i FROM range({rows})) TO '{path}'"
        duckdb.execute(copy).fetchall()
        found.append(sketch_of(path))
    old, new = found
    assert old is not None
    assert new is not None
    assert in_words(old, new) == "2 rows added"
    text = '{"a": 1}\n{"a": 2}\n'
    one, other = (sketched(tmp_path, t, "a.jsonl") for t in (text, text.replace("2", "3")))
    assert in_words(one, other) == "1 row changed"


def test_a_long_table_is_only_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketches, "MOST_ROWS", 5)
    old = sketched(tmp_path, BASE)
    assert old.hashes is None
    assert in_words(old, sketched(tmp_path, BASE + "1,1,1\n")) == "1 row more (10 → 11)"


def test_texts_and_folders(tmp_path: Path) -> None:
    old, new = (sketched(tmp_path, t, "a.py") for t in ("RATE = 1\nX = 2\n", "RATE = 2\nX = 2\n"))
    assert in_words(old, new) == "1 line changed"
    assert diff_lines(old, new) == ("- RATE = 1", "+ RATE = 2", "  X = 2")
    before = Sketch(files={"a": "1", "b": "1", "c": "1"})
    after = Sketch(files={"a": "2", "c": "1", "d": "1"})
    assert in_words(before, after) == "d added, b removed, a changed"


def test_a_long_difference_is_cut() -> None:
    shown = text_diff("", "\n".join(map(str, range(100))))
    assert (len(shown), shown[-1]) == (13, "… 88 more lines")


def test_lines_that_look_like_a_heading_of_the_difference_are_shown() -> None:
    assert text_diff("-- old\n++ x", "-- new\n++ x")[:2] == ("- -- old", "+ -- new")


def test_the_folder_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Sketches(tmp_path)
    for number in range(4):
        kept.put(str(number), Sketch(text="x" * 1000))
    size = (tmp_path / "0").stat().st_size
    monkeypatch.setattr(sketches, "FOLDER_BYTES", 2 * size)
    kept.tidy()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_sketch_is_none(tmp_path: Path) -> None:
    kept = Sketches(tmp_path)
    kept.put("a", Sketch(text="x"))
    (tmp_path / "a").write_bytes(b"nonsense")
    assert kept.get("a") is None
    assert kept.get("b") is None
