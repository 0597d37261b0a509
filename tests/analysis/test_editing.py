"""Reading a notebook again after an edit gives what reading it anew gives."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from nbflow.analysis.cells import read_cells
from nbflow.analysis.editing import CellReader
from nbflow.analysis.link import link
from nbflow.analysis.sql_names import parse_sql
from nbflow.core.graph import Graph
from nbflow.core.notebook import Notebook
from tests.analysis.simulator import notebook_of
from tests.analysis.traps import traps

TRAPS = [trap.sources for trap in traps()]
LINES = [line for sources in TRAPS for source in sources for line in source.splitlines()]


def graph(notebook: Notebook, reader: CellReader) -> Graph:
    return link(notebook, reader.read(notebook), {})


def anew(notebook: Notebook) -> Graph:
    return link(notebook, read_cells(notebook), {})


def edited(sources: list[str], chance: random.Random) -> list[str]:
    """The notebook after one edit of the kinds that people make."""
    place = chance.randrange(len(sources))
    above, cell, below = sources[:place], sources[place], sources[place + 1 :]
    kind = chance.choice(["add", "add", "new", "type", "line", "drop", "insert", "paste", "swap"])
    match kind:
        case "add":
            return [*above, f"{cell}\nadded = {chance.randrange(9)}", *below]
        case "new":
            return [*above, f"{cell}\nnew{chance.randrange(99)} = 1", *below]
        case "type":
            return [*above, cell[: chance.randrange(len(cell) + 1)], *below]
        case "line":
            return [*above, f"{cell}\n{chance.choice(LINES)}", *below]
        case "drop" if below or above:
            return [*above, *below]
        case "insert":
            return [*above, "inserted = [1]", cell, *below]
        case "paste":
            return [*above, chance.choice(chance.choice(TRAPS)), *below]
        case _:
            return [*below, cell, *above]


def check(start: list[str], chance: random.Random, edits: int) -> None:
    reader = CellReader()
    sources = start
    for _ in range(edits):
        notebook = notebook_of(sources)
        assert graph(notebook, reader) == anew(notebook), sources
        # Often an edit is taken back, or goes on in the same place.
        sources = start if chance.random() < 0.2 else edited(sources, chance)


@pytest.mark.parametrize("seed", range(40))
def test_a_reading_after_edits_is_a_reading_anew(seed: int) -> None:
    chance = random.Random(seed)
    check(chance.choice(TRAPS) + chance.choice(TRAPS), chance, edits=12)


class Counting:
    """Parses SQL, and counts how often that is asked for while cells are read."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> object:
        self.texts.append(text)
        return parse_sql(text)


QUERIES = [f"%%sql t{n}\nselect {n} as x" for n in range(6)]


def queries_read(edit: Callable[[list[str]], list[str]]) -> set[int]:
    """Which of the SQL cells are read again, besides the look at all texts that comes first."""
    counting = Counting()
    reader = CellReader(counting)  # type: ignore[arg-type]
    reader.read(notebook_of(QUERIES))
    counting.texts.clear()
    sources = edit(QUERIES)
    reader.read(notebook_of(sources))
    asked = [text.strip() for text in counting.texts]
    bodies = [source.partition("\n")[2] for source in sources]
    return {place for place, body in enumerate(bodies) if asked.count(body) > 1}


def test_only_the_edited_cell_is_read_again() -> None:
    assert queries_read(lambda cells: [*cells[:3], "%%sql t3\nselect 33 as x", *cells[4:]]) == {3}


def test_what_stands_above_an_edit_is_not_read_again() -> None:
    assert queries_read(lambda cells: [*cells[:4], "y = 1", *cells[4:]]) == {5, 6}


def test_a_name_that_the_notebook_has_elsewhere_is_looked_at_everywhere() -> None:
    assert queries_read(lambda cells: [*cells[:5], "%%sql t1\nselect 33 as x"]) == set(range(6))


def test_a_helper_module_that_appears_is_seen() -> None:
    sources = ["import helper", "helper.change()", "x = 1"]
    found: dict[str, str] = {}
    reader = CellReader()
    graphs = []
    for _ in range(3):
        notebook = notebook_of(sources)
        facts = reader.read(notebook, find_source=found.get)
        assert facts == read_cells(notebook, find_source=found.get)
        graphs.append(facts)
        found["helper"] = "import os\n\ndef change():\n    os.environ['A'] = str(len('x'))\n"
    assert [one == other for one, other in pairwise(graphs)] == [False, True]
