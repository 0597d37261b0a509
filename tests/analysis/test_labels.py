"""Titles of steps, from the Markdown above their cells."""

import pytest

from nbflow.analysis.labels import title_above
from nbflow.core.notebook import Cell, CellId, CellKind


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("## Orders\nsome text", "Orders"),
        ("# Report\n\n## The *late* ones ##", "The late ones"),
        ("One clean table.\nMore.", "One clean table."),
        ("See [the docs](https://example.com/a?b=1) of `pandas`", "See the docs of pandas"),
        ('<div class="wide">\n\nHello', "Hello"),
        ("![](picture.png)", None),
        ("a < b and c > d", "a < b and c > d"),
        ("", None),
        ("word " * 30, "word " * 15 + "…"),
    ],
)
def test_a_title_is_what_a_person_reads(markdown: str, title: str | None) -> None:
    cells = (
        Cell(id=CellId("a"), index=0, kind=CellKind.MARKDOWN, source=markdown),
        Cell(id=CellId("b"), index=1, kind=CellKind.CODE, source="x = 1"),
    )
    assert title_above(cells, 1) == title


def test_only_the_cell_directly_above_gives_one() -> None:
    cells = tuple(
        Cell(id=CellId(str(n)), index=n, kind=CellKind.CODE, source="x = 1") for n in range(2)
    )
    assert (title_above(cells, 0), title_above(cells, 1)) == (None, None)
