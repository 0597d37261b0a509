"""Modules beside the notebook are read from their source."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from simulator import notebook_of

from nbflow.analysis.cells import read_cells
from nbflow.analysis.facts import Effect
from nbflow.analysis.link import link
from nbflow.core.graph import Graph
from nbflow.core.names import ANY_FILE
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.step import StepId

HELPERS = """
import json
import numpy as np
import matplotlib.pyplot as plt
from more import inner

RATE = 0.5
SETTINGS = {"a": [1]}
calls = []

def total(xs):
    return sum(xs) * RATE

def clean(df):
    return df.dropna()

def fill(df):
    df["filled"] = 1

def later(df):
    return deep(df)

def deep(df):
    inner(df)
    return len(df)

def load():
    with open("data.json") as f:
        return json.load(f)

def save(xs, path):
    with open(path, "w") as f:
        json.dump(xs, f)

def note(x):
    calls.append(x)

def count():
    global RATE
    RATE += 1

def settings():
    return SETTINGS

def draw(n):
    return np.random.rand(n)

def same(xs):
    return xs

def apply(xs, how):
    return [how(x) for x in xs]

class Basket:
    def __init__(self, items):
        self.items = items

    def add(self, item):
        self.items.append(item)

    def price(self):
        return len(self.items) * RATE

if __name__ == "__main__":
    open("never.txt", "w")
"""
MORE = """
def inner(df):
    df.columns = ["x"]
"""
SEEDS = """
import numpy as np
np.random.seed(1)
"""
SOURCES = {"helpers": HELPERS, "more": MORE, "seeds": SEEDS, "pack": "", "pack.sub": HELPERS}


def linked(*sources: str) -> Graph:
    notebook = notebook_of([*sources])
    return link(notebook, read_cells(notebook, find_source=SOURCES.get), {})


def waits(graph: Graph) -> set[tuple[str, str]]:
    return {(e.writer, e.reader) for e in graph.edges if e.writer != "definitions"}


DATA = "import pandas as pd\ndf = pd.DataFrame({'a': [1]})\nxs = [1, 2]"
IMPORTS = ("import helpers", "from helpers import *", "import pack.sub as helpers")


@pytest.mark.parametrize("head", IMPORTS)
@pytest.mark.parametrize(
    ("call", "changes"),
    [
        ("n = H.total(xs)", False),
        ("n = H.clean(df)", False),
        ("n = H.RATE", False),
        ("H.fill(df)", True),
        ("n = H.later(df)", True),
        ("m = H.same(xs)\nm.append(1)", True),
        ("b = H.Basket(xs)\nb.add(3)", True),
        ("b = H.Basket(list(xs))\nb.add(3)\nn = b.price()", False),
        ("n = H.apply(xs, lambda v: v + 1)", False),
        ("n = H.apply([xs], lambda v: v.append(1))", True),
    ],
)
def test_its_functions_do_what_their_text_says(head: str, call: str, changes: bool) -> None:
    own = call.replace("H.", "" if "*" in head else "helpers.")
    graph = linked(head, DATA, own, "print(df, xs)")
    assert graph.one_lane == ()
    assert (("c2", "c3") in waits(graph)) is changes
    assert not graph.step("c2").any_file  # type: ignore[arg-type]


def test_its_files_are_known() -> None:
    graph = linked("import helpers", DATA, "helpers.save(xs, 'out.json')", "y = helpers.load()")
    assert graph.step("c2").files_written == ("out.json",)  # type: ignore[arg-type]
    assert graph.step("c3").files_read == ("data.json",)  # type: ignore[arg-type]


def test_its_draws_are_known() -> None:
    notebook = Notebook(
        path="n.ipynb",
        cells=(
            Cell(id=CellId("a"), index=0, kind=CellKind.CODE, source="import helpers"),
            Cell(id=CellId("b"), index=1, kind=CellKind.CODE, source="x = helpers.draw(3)"),
        ),
    )
    assert Effect.RANDOM in read_cells(notebook, find_source=SOURCES.get)[1].effects


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("helpers.note(1)", "changes the state of its module `helpers`"),
        ("helpers.count()", "changes the state of its module `helpers`"),
        ("cfg = helpers.settings()", "gives out an object that its module `helpers` keeps"),
    ],
)
def test_a_module_with_a_state_keeps_the_notebook_in_one_kernel(call: str, why: str) -> None:
    assert why in linked("import helpers", call).one_lane[0]


def test_what_an_import_sets_holds_below() -> None:
    graph = linked("import numpy as np", "import seeds", "x = np.random.rand()")
    assert ("c1", "c2") in waits(graph)


def test_an_installed_library_is_no_local_module() -> None:
    graph = linked("import stranger", DATA, "n = stranger.look(xs)", "y = stranger.see(df)")
    assert not any(ANY_FILE in edge.names for edge in graph.edges)


def test_where_paths_change_any_module_may_be_local() -> None:
    head = "import sys\nsys.path.append('lib')"
    graph = linked(head, "import stranger", DATA, "n = stranger.look(xs)", "y = stranger.see(df)")
    assert any(ANY_FILE in edge.names for edge in graph.edges)


LOOKING = """
import os
from deeper import SCALE
REGION = os.environ.get("REGION", "")
with open("limit.txt") as file:
    LIMIT = file.read()
def unseen():
    return os.getenv("UNSEEN")
"""


def looking(*sources: str) -> Graph:
    modules = {"helpers": LOOKING, "deeper": "from os import environ\nSCALE = environ['SCALE']"}
    notebook = notebook_of([*sources])
    return link(notebook, read_cells(notebook, find_source=modules.get), {})


def test_who_uses_a_module_depends_on_what_the_module_looks_at() -> None:
    step = looking("import helpers", "region = helpers.REGION").step(StepId("c1"))
    assert {"REGION", "SCALE", "UNSEEN"} <= {*step.environment}
    assert step.files_read == ("limit.txt",)


def test_a_file_that_importing_reads_is_not_written_by_steps_beside_it() -> None:
    cells = ("open('limit.txt', 'w').write('1');", "import helpers", "print(helpers.LIMIT)")
    assert looking(*cells).one_lane


def test_an_import_waits_for_the_path_that_it_needs() -> None:
    path = "import sys\nsys.path.insert(0, 'lib')"
    graph = looking(path, "import tool", "print(tool.V)")
    assert ("c0", "c1") in {(edge.writer, edge.reader) for edge in graph.edges}
    graph = looking(path, "import json", "print(json.dumps(1))")
    assert "c1" not in {step.id for step in graph.steps}


REGISTERING = """
import enum
from functools import lru_cache
import pandas as pd
@pd.api.extensions.register_dataframe_accessor("geo")
class Geo:
    def __init__(self, df):
        self.df = df
class Base:
    known = []
    def __init_subclass__(cls):
        Base.known.append(cls.__name__)
class Kind(enum.Enum):
    A = [1]
@lru_cache
def load(key):
    return [key]
"""


def registering(*sources: str) -> Graph:
    notebook = notebook_of([*sources])
    facts = read_cells(notebook, find_source={"helpers": REGISTERING}.get)
    return link(notebook, facts, {})


@pytest.mark.parametrize("library", ["helpers", "hvplot.pandas"])
def test_what_an_import_does_holds_for_all_below(library: str) -> None:
    cells = ("import pandas as pd", f"import {library}", "df = pd.DataFrame()", "print(df.geo)")
    step = registering(*cells).step(StepId("c3"))
    assert f"import {library}" in {replay.source for replay in step.replays}


def test_unused_imports_of_well_known_libraries_are_left_alone() -> None:
    step = registering("import seaborn as sns, json", "print(1)").step(StepId("c1"))
    assert step.replays == ()


def test_unused_imports_that_do_nothing_to_others_are_left_alone() -> None:
    step = registering("import control.flatsys as fs", "print(1)").step(StepId("c1"))
    assert step.replays == ()


def test_a_module_of_ones_own_may_have_a_librarys_name() -> None:
    notebook = notebook_of(["import control", "print(1)"])
    facts = read_cells(notebook, find_source={"control": REGISTERING}.get)
    step = link(notebook, facts, {}).step(StepId("c1"))
    assert {replay.source for replay in step.replays} == {"import control"}


@pytest.mark.parametrize(
    "cells",
    [
        ("from helpers import Base", "class A(Base):\n    pass", "print(Base.known)"),
        ("from helpers import Kind", "Kind.A.value.append(2)", "print(Kind.A.value)"),
        ("from helpers import load", "a = load(1)", "a.append(2)", "print(load(1))"),
    ],
)
def test_what_a_module_keeps_stays_in_one_kernel(cells: tuple[str, ...]) -> None:
    assert registering(*cells).one_lane
