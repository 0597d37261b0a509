"""Whole graphs from the text of cells: which step waits for which, and why.

Each case is a small notebook; the expected edges are `writer>reader:names`, by the steps' labels.
"""

from collections.abc import Mapping

import pytest

from nbflow.analysis.cells import read_cells
from nbflow.analysis.link import link
from nbflow.core.graph import Graph, Learned
from nbflow.core.names import Name
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.step import CellTags, StepId, StepOptions


def linked(*sources: str, tags: Mapping[int, CellTags] | None = None, **options: object) -> Graph:
    """The graph of code cells `c0`, `c1`, …; `tags` by position."""
    cells = tuple(
        Cell(id=CellId(f"c{i}"), index=i, kind=CellKind.CODE, source=source)
        for i, source in enumerate(sources)
    )
    notebook = Notebook(path="n.ipynb", cells=cells)
    by_cell = {CellId(f"c{i}"): tag for i, tag in (tags or {}).items()}
    for i, tag in (tags or {}).items():
        if tag.parameters:
            marked = Cell(
                id=cells[i].id,
                index=i,
                kind=CellKind.CODE,
                source=cells[i].source,
                tags=("parameters",),
            )
            cells = (*cells[:i], marked, *cells[i + 1 :])
            notebook = Notebook(path="n.ipynb", cells=cells)
    return link(notebook, read_cells(notebook), by_cell, **options)  # type: ignore[arg-type]


def edges(graph: Graph, *kinds: str) -> set[str]:
    names = {step.id: step.name for step in graph.steps}
    return {
        f"{names[e.writer]}>{names[e.reader]}:{','.join(sorted(e.names))}"
        for e in graph.edges
        if not kinds or e.kind in kinds
    }


PD = "import pandas as pd"
FRAME = "df = pd.DataFrame({'x': [1, 2], 'y': [3, 4]})"

DATA = {
    "a reader waits for the nearest writer above": (
        ["x = [1]", "y = sum(x)", "x = [2]", "z = sum(x)"],
        {"x>y:x", "x-2>z:x"},
    ),
    "imports and functions are replayed, not waited for": (
        [PD, "def double(v):\n    return v * 2", FRAME, "print(double(1))"],
        set(),
    ),
    "a mutation is a read and a write": (
        ["xs = [1]", "xs.append(2)", "print(xs)"],
        {"xs>xs-2:xs", "xs-2>cell-3:xs"},
    ),
    "a column set in place makes a new version": (
        [PD, FRAME, "df['z'] = 1", "print(df)"],
        {"df>df-2:df", "df-2>cell-4:df"},
    ),
    "a filter does not write its source": (
        [PD, FRAME, "small = df[df.x < 2]", "big = df[df.x > 1]", "print(len(df))"],
        {"df>small:df", "df>big:df", "df>cell-5:df"},
    ),
    "an alias carries a mutation to its twin": (
        ["a = [1]", "b = a", "b.append(2)", "print(a)"],
        {"a>b:a", "b>b-2:a,b", "b-2>cell-4:a"},
    ),
    "an alias that nobody mutates costs nothing": (
        ["a = [1]", "b = a", "print(b)", "print(a)"],
        {"a>b:a", "b>cell-3:b", "a>cell-4:a"},
    ),
    "a loop variable that is bound again changes nothing of what it stood for": (
        [
            "a = [[1]]",
            "for part in a:\n    print(part)",
            "b = a[0]",
            "for part in a:\n    print(part)",
            "print(b)",
        ],
        {"a>cell-2:a", "a>b:a", "a>cell-4:a", "b>cell-5:b"},
    ),
    "a change of what the name is later shows no sharing of what it was": (
        ["a = [1]", "b = a", "print(a)", "print(b)", "a = [5]", "a.append(2)"],
        {"a>b:a", "a>cell-3:a", "b>cell-4:b", "a-2>a-3:a"},
    ),
    "but what is changed by way of a third name does": (
        ["a = [1]", "b = a", "print(a)", "c = b", "b = [5]", "c.append(2)", "print(a)"],
        {"a>b:a", "b>cell-3:a", "b>c:a,b", "c>c-2:a,c", "c-2>cell-7:a"},
    ),
    "nor does a name that is bound on some path only, but what it may still be is changed below": (
        ["a = [1]", "b = a", "if a:\n    b = [2]", "b.append(3)", "print(a)"],
        {"a>b:a", "b>cell-3:a,b", "cell-3>b-2:a,b", "b-2>cell-5:a"},
    ),
    "what results of statistics tell changes neither them nor what they were made of": (
        [
            "import statsmodels.api as sm",
            "y = [1.0, 2.0, 4.0]",
            "found = sm.OLS(y, [1, 2, 3]).fit()",
            "away = found.get_influence()",
            "away.plot_influence()",
            "print(away.summary_frame())",
            "print(found.summary())",
        ],
        {"y>found:y", "found>away:found", "away>cell-5:away", "away>cell-6:away"}
        | {"found>cell-7:found"},
    ),
    "but a method that changes tables may have one before it": (
        [
            "import statsmodels.api as sm",
            "found = sm.OLS([1.0, 2.0], [1, 2]).fit()",
            "table = found.extra.frame",
            "table.insert(0, 'x', 1)",
            "print(found.extra.frame)",
        ],
        {"found>table:found", "table>cell-4:found,table", "cell-4>cell-5:found"},
    ),
    "what only holds a thing is not changed with it": (
        ["a = [1]", "box = [a]", "box.append(2)", "print(a)", "print(box)"],
        {"a>box:a", "box>box-2:box", "a>cell-4:a", "box-2>cell-5:box"},
    ),
    "but whoever holds the box sees it": (
        ["a = [1]", "box = [a]", "shelf = [box]", "box.append(2)", "print(a)", "print(shelf)"],
        {"a>box:a", "box>shelf:a,box", "shelf>box-2:box,shelf", "shelf>cell-5:a"}
        | {"box-2>cell-6:shelf"},
    ),
    "and a change of what it holds below is seen in it": (
        ["a = [1]", "box = [a]", "box.append(2)", "a.append(3)", "print(box)"],
        {"a>box:a", "box>box-2:a,box", "box-2>a-2:a,box", "a-2>cell-5:box"},
    ),
    "what was taken out of a box may be what is changed": (
        ["a = [1]", "box = [a]", "part = box[0]", "part.append(2)", "print(a)"],
        {"a>box:a", "box>part:a,box", "part>part-2:a,box,part", "part-2>cell-5:a"},
    ),
    "a function reads its globals where it is called": (
        ["def f():\n    return k + 1", "k = [1][0]", "x = f()", "k = [2][0]", "y = f()"],
        {"k>x:k", "k-2>y:k"},
    ),
    "functions that call functions read two levels down": (
        [
            "def inner():\n    return data[0]",
            "def outer():\n    return inner()",
            "data = [1]",
            "x = outer()",
        ],
        {"data>x:data"},
    ),
    "a function that mutates a global writes it where it is called": (
        ["seen = []", "def note(v):\n    seen.append(v)", "note(1)", "print(seen)"],
        {"seen>seen-2:seen", "seen-2>cell-4:seen"},
    ),
    "a lambda kept in a dict reads its global late": (
        ["k = [1][0]", "ops = {'f': lambda v: v + k}", "k = [5][0]", "print(ops['f'](1))"],
        {"k>ops:k", "ops>cell-4:ops", "k-2>cell-4:k"},
    ),
    "a conditional binding lets the earlier version pass": (
        ["x = [1]", "if len(x) > 3:\n    y = 1", "y = [0]", "if x:\n    y = [2]", "print(y)"],
        {"x>cell-2:x", "x>cell-4:x", "y>cell-4:y", "cell-4>cell-5:y"},
    ),
    "deleting a name is a write": (
        ["x = [1]", "del x", "x = [2]", "print(x)"],
        {"x>x-2:x", "x-3>cell-4:x"},
    ),
    "comprehension variables are not globals": (
        ["i = [5]", "xs = [i for i in range(3)]", "print(i)"],
        {"i>cell-3:i"},
    ),
    "a walrus inside a comprehension binds a global": (
        ["xs = [y := i for i in range(3)]", "print(y)"],
        {"xs>cell-2:y"},
    ),
    "a mixed cell gives its imports to others without making them wait": (
        ["import math\nx = math.pi", "y = math.tau"],
        set(),
    ),
    "an instance brings its class and the class its globals": (
        [
            "class Box:\n    def get(self):\n        return rate[0]",
            "rate = [1]",
            "box = Box()",
            "rate = [2]",
            "print(box.get())",
        ],
        {"rate>box:rate", "box>cell-5:box", "rate-2>cell-5:rate"},
    ),
    "sql reads python and python reads sql": (
        [PD, FRAME, "%%sql totals\nSELECT sum(x) AS s FROM df", "print(totals)"],
        {"df>totals:df", "totals>cell-4:totals"},
    ),
    "sql reads sql, ctes hide names": (
        [
            "%%sql a\nSELECT 1 AS x",
            "%%sql b\nWITH a AS (SELECT 2 AS x) SELECT * FROM a",
            "%%sql c\nSELECT * FROM A",
        ],
        {"a>c:a"},
    ),
    "sql that changes a table makes a new version": (
        [
            "%%sql t\nSELECT 1 AS x",
            "%%sql\nINSERT INTO t VALUES (2)",
            "%%sql n\nSELECT count(*) AS n FROM t",
        ],
        {"t>t-2:t", "t-2>n:t"},
    ),
    "sql parameters are reads": (
        ["low = [3][0]", "%%sql t\nSELECT $low AS x"],
        {"low>t:low"},
    ),
}


@pytest.mark.parametrize(("sources", "expected"), DATA.values(), ids=DATA.keys())
def test_data_edges(sources: list[str], expected: set[str]) -> None:
    graph = linked(*sources)
    assert graph.one_lane == ()
    assert edges(graph, "data") == expected


FILES = {
    "a reader of a file waits for its writer": (
        [
            "import json",
            "with open('a.json', 'w') as f:\n    json.dump([1], f)",
            "with open('a.json') as g:\n    x = json.load(g)",
        ],
        {"f>g:file:a.json"},
    ),
    "a writer waits for the readers above it": (
        [
            "import pandas as pd",
            "a = pd.read_csv('in.csv')",
            "pd.DataFrame({'x': [1]}).to_csv('in.csv')",
        ],
        {"a>cell-3:file:in.csv"},
    ),
    "readers are free": (
        ["import pandas as pd", "a = pd.read_csv('in.csv')", "b = pd.read_csv('in.csv')"],
        set(),
    ),
    "sql reads a file that python wrote": (
        [
            "import pandas as pd",
            "pd.DataFrame({'x': [1]}).to_csv('o.csv')",
            "%%sql t\nFROM 'o.csv'",
        ],
        {"cell-2>t:file:o.csv"},
    ),
}


@pytest.mark.parametrize(("sources", "expected"), FILES.values(), ids=FILES.keys())
def test_file_edges(sources: list[str], expected: set[str]) -> None:
    assert edges(linked(*sources), "file") == expected


def test_a_seed_orders_the_draws_below_it() -> None:
    graph = linked(
        "import numpy as np", "np.random.seed(0)", "a = np.random.rand(2)", "b = np.random.rand(2)"
    )
    assert edges(graph, "ambient") == {
        "cell-2>a:@numpy.random",
        "a>b:@numpy.random",
    }


def test_settings_reach_every_step_below() -> None:
    graph = linked("import pandas as pd", "pd.set_option('display.max_rows', 5)", "pd.isna(1)")
    assert edges(graph, "ambient") == {"cell-2>cell-3:@pandas.options"}


def test_a_guard_holds_back_whoever_reads_what_it_looks_at() -> None:
    graph = linked("x = [1]", "assert x[0] > 0", "y = x[0] + 1", "z = [3]")
    assert edges(graph, "guard") == {"cell-2>y:x"}


def test_parameters_are_replayed_with_the_given_values() -> None:
    graph = linked(
        "day = '2026-01-01'\nlimit = 3",
        "x = [day]",
        "y = [limit]",
        tags={0: CellTags(parameters=True)},
        injected="# Parameters\nday = '2026-02-02'\n",
    )
    x, y = graph.named("x"), graph.named("y")
    assert [r.source for r in x.replays] == ["day = '2026-02-02'"]
    assert [r.source for r in y.replays] == ["limit = 3"]
    assert (x.parameters, y.parameters) == (("day",), ("limit",))


def test_a_step_of_two_cells_waits_as_one() -> None:
    both = CellTags(step="load")
    graph = linked("a = [1]", "b = [a]", "c = [a, b]", tags={0: both, 1: both})
    assert edges(graph) == {"load>c:a,b"}


def test_c51_cells_of_a_step_that_wait_for_a_step_between_them_are_a_cycle() -> None:
    both = CellTags(step="s")
    graph = linked("a = [1]", "b = [a]", "c = [b]", tags={0: both, 2: both})
    assert [d.code for d in graph.errors] == ["cycle"]
    assert "s → b → s" in graph.errors[0].message


def test_c51_a_tag_can_close_a_circle() -> None:
    tags = {0: CellTags(options=StepOptions(after=("b",)))}
    graph = linked("a = [1]", "b = [a]", tags=tags)
    assert [d.code for d in graph.errors] == ["cycle"]


def test_after_an_unknown_step_is_an_error_with_the_nearest_name() -> None:
    tags = {1: CellTags(options=StepOptions(after=("totls",)))}
    graph = linked("totals = [1]", "b = [2]", tags=tags)
    assert [(d.code, d.hint) for d in graph.errors] == [
        ("unknown-step", "did you mean `after:totals`?")
    ]


def test_reading_what_only_a_skipped_cell_writes_is_an_error() -> None:
    graph = linked("x = [1]", "y = [x]", tags={0: CellTags(skip=True)})
    assert [d.code for d in graph.errors] == ["reads-skipped"]


def test_c53_an_unknown_table_is_an_error_with_the_nearest_names() -> None:
    graph = linked("%%sql orders\nSELECT 1 AS x", "%%sql t\nSELECT * FROM ordres")
    assert [(d.code, d.hint) for d in graph.errors] == [("unknown-table", "did you mean `orders`?")]


def test_a_name_written_only_below_is_named_with_its_cell() -> None:
    graph = linked("print(late)", "late = [1]")
    assert [(d.code, d.severity.value) for d in graph.diagnostics] == [("out-of-order", "warning")]
    assert "cell 2" in graph.diagnostics[0].message


def test_a_generator_keeps_its_reader_in_its_lane() -> None:
    graph = linked("g = (i for i in range(3))", "print(next(g))", "x = [1]")
    lanes = {step.name: step.lane for step in graph.steps}
    assert lanes["g"] == lanes["g-2"] is not None
    assert lanes["x"] is None


def test_code_that_hides_everything_runs_in_one_lane_in_order() -> None:
    graph = linked("x = [1]", "exec('y = 2')", "z = [3]")
    assert graph.one_lane
    assert {step.lane for step in graph.steps} == {"main"}
    assert edges(graph, "order") == {"x>cell-2:", "cell-2>z:"}


def test_a_lesson_adds_a_write_that_nobody_foresaw() -> None:
    lesson = Learned(step=StepId("c1"), name=Name("x"), what="writes", reason="seen")
    graph = linked("x = [1]", "y = len(x)", "print(x)", learned=[lesson])
    assert edges(graph, "data") == {"x>y:x", "y>cell-3:x"}
    assert {e.certainty for e in graph.edges if e.writer == "c1"} == {"learned"}


def test_each_edge_says_which_lines_cause_it() -> None:
    graph = linked("x = [1]", "z = 0\ny = x")
    (edge,) = graph.edges
    assert (edge.from_line, edge.to_line) == (1, 2)
    assert edge.because == "cell 2 line 2 reads `x`, which cell 1 line 1 writes"


def test_a_lesson_about_a_file_puts_two_steps_in_order() -> None:
    lessons = [
        Learned(step=StepId("c0"), name=Name("file:log.txt"), what="writes", reason="seen"),
        Learned(step=StepId("c1"), name=Name("file:log.txt"), what="reads", reason="seen"),
    ]
    graph = linked("x = [1]", "y = [2]", learned=lessons)
    assert edges(graph, "file") == {"x>y:file:log.txt"}


def test_a_step_that_needs_two_versions_of_a_name_is_refused() -> None:
    both = CellTags(step="s")
    graph = linked("x = [1]", "y = sum(x)", "x = [2]", "z = sum(x)", tags={1: both, 3: both})
    assert [d.code for d in graph.errors] == ["split-step"]
    assert "as cell 3 leaves it" in graph.errors[0].message


def test_in_one_lane_the_notebooks_order_goes_before_step_tags() -> None:
    both = CellTags(step="s")
    graph = linked("x = [1]", "exec('x = [2]')", "y = x", tags={0: both, 2: both})
    assert [step.name for step in graph.steps] == ["s", "cell-2", "s-2"]
    assert graph.errors == ()


def test_in_one_lane_for_what_code_hides_only_the_last_step_knows_the_final_values() -> None:
    graph = linked("x = [1]", "exec('x = [2]')", "y = [3]")
    assert [step.outputs for step in graph.steps] == [(), (), ("y", "x")]


def test_a_function_that_is_only_called_is_inside_no_value() -> None:
    graph = linked("def f():\n    return [k]", "k = [1][0]", "y = f()", "k = [2][0]", "print(y)")
    assert edges(graph, "data") == {"k>y:k", "y>cell-5:y"}


def test_a_class_that_depends_on_a_step_keeps_its_instances_in_its_lane() -> None:
    graph = linked("b = [object][0]", "class C(b):\n    pass", "c = C()", "x = [1]", "print(c)")
    assert [step.lane for step in graph.steps] == [None, "C", "C", None, "C"]


def test_a_lane_loads_names_that_share_together() -> None:
    graph = linked("a = []\nd = [a]", "g = iter([len(d)])", "a.append(next(g))", "print(d)")
    assert {i.name for i in graph.named("g").inputs} == {"a", "d"}


def test_c52_two_writers_of_a_table_are_two_versions_in_notebook_order() -> None:
    graph = linked(
        "%%sql t\nSELECT 1 AS x",
        "%%sql a\nSELECT * FROM t",
        "%%sql t\nSELECT 2 AS x",
        "%%sql b\nSELECT * FROM t",
    )
    assert edges(graph, "data") == {"t>a:t", "t-2>b:t"}


def test_c54_sql_that_no_text_shows_keeps_the_notebooks_order() -> None:
    graph = linked("import duckdb", "q = input_text()", "duckdb.sql(q)", "x = [1]")
    assert graph.one_lane
    assert {step.lane for step in graph.steps} == {"main"}


def test_c56_a_magic_that_nobody_knows_is_named() -> None:
    graph = linked("x = [1]", "%frobnicate x")
    assert any("frobnicate" in reason for reason in graph.one_lane)


def test_definitions_need_what_is_imported_beside_other_code() -> None:
    graph = linked(
        "import collections\nxs = [1]",
        "class Bag(collections.OrderedDict):\n    pass",
        "print(Bag(), xs)",
    )
    step = graph.step(StepId("definitions"))
    assert [replay.names for replay in step.replays] == [("collections",)]
    assert linked("import collections", "print(collections)").steps[0].replays == ()


ENVIRON = "import os\nos.environ['MODE'] = 'loud'"


@pytest.mark.parametrize(
    ("above", "cell", "is_definition"),
    [
        (ENVIRON, "import library", False),
        (ENVIRON, "from library.part import thing", False),
        (ENVIRON, "import json, re", True),
        (ENVIRON, "def f():\n    return 1", True),
        ("import warnings\nwarnings.filterwarnings('ignore')", "import library", False),
        ("import random\nrandom.seed(1)", "import library", True),
    ],
)
def test_an_import_below_what_a_module_may_look_at_is_a_step(
    above: str, cell: str, is_definition: bool
) -> None:
    graph = linked(above, cell, "print(1)")
    assert not graph.one_lane
    assert any(each.cell_index == 1 for each in graph.definitions) is is_definition


def test_replays_tell_what_was_set_above_them() -> None:
    above, below = "import early", "import late\nx = [1]"
    graph = linked(above, ENVIRON, below, "print(early, late, x)")
    replays = {replay.names: replay.below for replay in graph.steps[-1].replays}
    assert replays == {("early",): (), ("late",): ("@environ",)}
    mixed = linked(f"import early\n{ENVIRON}\n{below}", "print(early, late, x)")
    replays = {replay.names: replay.below for replay in mixed.steps[-1].replays}
    assert replays == {("early",): (), ("late",): ("@environ",)}


def test_variables_that_are_set_again_below_an_import_ask_for_one_kernel() -> None:
    again = "os.environ['MODE'] = 'quiet'"
    graph = linked(ENVIRON, "import library", again, "print(library)")
    assert any("cell 3 line 1: it sets environment variables" in why for why in graph.one_lane)
    assert not linked(ENVIRON, "import json", again, "print(json)").one_lane
    assert not linked("import library", ENVIRON, again, "print(library)").one_lane


def test_a_cell_of_nothing_but_comments_defines_nothing() -> None:
    graph = linked("x = [1]\nprint(x)", "", "\n# %%\n  # later", "import os", "# nbflow", "x")
    assert [each.cell_index for each in graph.definitions] == [3]
    # Jupyter numbers comments as it numbers code: they are run.
    assert graph.step(StepId("definitions")).cell_indexes == (2, 3, 4)
    assert linked("", "  \n").steps == linked("", "  \n").definitions == ()


def test_definitions_that_need_each_other_over_many_paths_are_gone_through_once() -> None:
    cells = ["s0 = 1", *(f"s{n} = s{n - 1} + s{n // 2}" for n in range(1, 300)), "print(s299)"]
    graph = linked(*cells)
    assert len(graph.definitions) == 300
    assert len(graph.steps[-1].replays) == 300


@pytest.mark.parametrize(
    ("cells", "because"),
    [
        pytest.param(
            ("x = make()", "x.poke()", "x.size"),
            "cell 3 line 1 reads `x`, which cell 2 line 1 may change",
            id="perhaps_changed",
        ),
        pytest.param(
            ("x = [1]", "x.append(2)", "print(x)"),
            "cell 3 line 1 reads `x`, which cell 2 line 1 writes",
            id="surely_changed",
        ),
    ],
)
def test_an_edge_says_how_sure_its_writer_is(cells: tuple[str, ...], because: str) -> None:
    found = [edge.because for edge in linked(*cells).edges]
    assert because in found


def test_who_asks_what_a_compiled_function_was_called_with_needs_one_kernel() -> None:
    """Each call compiles for its arguments; other kernels define the function anew."""
    graph = linked(
        "import numba",
        "options = {'fastmath': True}",
        "@numba.njit(**options)\ndef double(x):\n    return 2 * x",
        "double(1.5)",
        "print(double.inspect_asm().keys())",
    )
    assert any("shows what a function was called with" in why for why in graph.one_lane)
