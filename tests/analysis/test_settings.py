"""Settings hold for everything below that may look at them, and for nothing else."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from simulator import notebook_of

from nbflow.analysis.cells import read_cells
from nbflow.analysis.link import link

HEAD = (
    "import numpy as np, pandas as pd, matplotlib.pyplot as plt, seaborn as sns, math, json\n"
    "import wordcloud as stranger"
)
DATA = (
    "df = pd.DataFrame({'x': [1, 2]})\narray = np.zeros(3)\nn = 1\ntext = 'a'\n"
    "fig, ax = plt.subplots()\nthing = stranger.Thing()\nmany = {'a': df}"
)
SETTERS = {
    "@rcParams": "plt.rcParams['figure.dpi'] = 50",
    "@pandas.options": "pd.set_option('display.precision', 3)",
    "@numpy.options": "np.set_printoptions(precision=3)",
}


def settings_read(cell: str) -> set[str]:
    sources = [HEAD, DATA, *SETTERS.values(), cell]
    notebook = notebook_of([*sources])
    graph = link(notebook, read_cells(notebook), {})
    assert not graph.one_lane
    return {name for edge in graph.edges if edge.reader == "c5" for name in edge.names} & set(
        SETTERS
    )


TABLES = {"@pandas.options", "@numpy.options"}
ALL = set(SETTERS)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("print(n + 1, text.upper(), len(text))", set()),
        ("list(map(plt.plot, [[1]]))", ALL),
        ("pair = (array, 1)\npair", TABLES),
        ("df.x.sum() / n", TABLES),
        ("def f(v):\n    return v.plot()\nm = n", set()),
        ("json.dumps({'n': n})", set()),
        ("print(array)", {"@numpy.options"}),
        ("np.log(n)", {"@numpy.options"}),
        ("df", TABLES),
        ("df.groupby('x').sum()", TABLES),
        ("%%sql\nFROM df", TABLES),
        ("print(many)", TABLES),
        ("df.plot()", ALL),
        ("plt.plot([1])", ALL),
        ("sns.color_palette()", ALL),
        ("fig", ALL),
        ("ax.set_title('a')", ALL),
        ("thing", ALL),
        ("stranger.draw(n)", ALL),
        ("def f():\n    return plt.plot([1])\nf()", ALL),
        ("def f(v):\n    return v.sum()\nf(df)", TABLES),
        ("%timeit n", ALL),
    ],
)
def test_what_a_cell_may_look_at(cell: str, expected: set[str]) -> None:
    if cell.startswith("stranger"):
        cell = f"found = {cell}"
    assert settings_read(cell) == expected
