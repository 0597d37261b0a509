"""The kernel's side, in real kernels: replays, inputs, outputs, and what was seen beside them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nbflow.core.task import Blob, ReplaySource, Source, StagedBlob, TaskOutcome, TaskSpec
from nbflow.execution.executor import LocalExecutor
from nbflow.lanes.client import open_lane
from nbflow.lanes.kernels import Kernels
from nbflow.store.blobs import BlobStore

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 120.0


class Hall:
    """One project folder with a store, and lanes to run sources in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = BlobStore(folder / ".nbflow")
        logs = folder / ".nbflow" / "logs"
        self.kernels = Kernels(name="", folder=str(folder))
        opens = partial(open_lane, kernels=self.kernels, logs=logs)
        self.executor = LocalExecutor(open_lane=opens, capacity=2)
        self.count = 0
        self.first = 0

    def run(
        self, *sources: str, given: dict[str, Blob] | None = None, **changes: Any
    ) -> TaskOutcome:
        self.executor.submit(self.spec(sources, given or {}, changes))
        while True:
            for happening in self.executor.poll(PATIENCE_SECONDS):
                if isinstance(happening, TaskOutcome):
                    return happening

    def spec(
        self, sources: tuple[str, ...], given: dict[str, Blob], changes: dict[str, Any]
    ) -> TaskSpec:
        self.count += 1
        staging = self.folder / ".nbflow" / "staging" / str(self.count)
        staging.mkdir(parents=True)
        inputs = tuple(
            StagedBlob(blob=blob, path="" if blob.kind == "absent" else str(self.store.path(blob)))
            for blob in given.values()
        )
        spec = TaskSpec(
            run="r",
            step=f"s{self.count}",
            step_name=f"s{self.count}",
            attempt=1,
            fence=1,
            notebook="n.ipynb",
            cells=tuple(
                Source(cell=f"c{i}", cell_index=self.first + i, source=text)
                for i, text in enumerate(sources)
            ),
            inputs=inputs,
            input_names=tuple(given),
            python_reads=tuple(given),
            staging=str(staging),
            key_file=str(self.store.key()),
            working_directory=str(self.folder),
            env={"NBFLOW_STEP": f"s{self.count}"},
        )
        outputs = changes.get("outputs", ())
        return replace(spec, **{"declared_writes": outputs, **changes})

    def commit(self, outcome: TaskOutcome) -> dict[str, Blob]:
        assert outcome.report is not None, outcome.message
        blobs = [self.store.commit(one) if one.path else one.blob for one in outcome.report.outputs]
        return {name: blob for blob in blobs for name in blob.names}


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    opened = Hall(tmp_path)
    yield opened
    opened.executor.close()
    opened.kernels.close()


def printed(outcome: TaskOutcome, cell: str = "c0") -> str:
    assert outcome.status == "succeeded", outcome.message
    return "".join(one.get("text", "") for one in outcome.cell_outputs[cell])


def a_replay(source: str, *, cell_index: int = 0, line: int = 1) -> ReplaySource:
    return ReplaySource(cell=f"d{cell_index}", cell_index=cell_index, line=line, source=source)


def test_values_travel_from_kernel_to_kernel(hall: Hall) -> None:
    make = "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})\nnames = {'x', 'y'}"
    blobs = hall.commit(hall.run(make, outputs=("df", "names")))
    assert (blobs["df"].kind, blobs["df"].rows) == ("table", 2)
    second = hall.run("print(df.a.sum(), sorted(names))", given=blobs)
    assert printed(second) == "3 ['x', 'y']\n"


def test_sql_and_python_share_their_names(hall: Hall) -> None:
    blobs = hall.commit(hall.run("%%sql big\nSELECT range AS n FROM range(5)", outputs=("big",)))
    second = hall.run("%%sql\nSELECT sum(n) AS s FROM big", "print(len(big))", given=blobs)
    assert printed(second, "c1") == "5\n"
    assert "10" in second.cell_outputs["c0"][0]["data"]["text/plain"]


def test_definitions_are_replayed_and_shown_nowhere(hall: Hall) -> None:
    replay = a_replay("print('loud')\ndef double(x):\n    return 2 * x")
    outcome = hall.run("print(double(21))", replays=(replay,), provided=("double",))
    assert printed(outcome) == "42\n"


def test_a_failing_replay_names_its_own_cell_and_line(hall: Hall) -> None:
    replay = a_replay("def f():\n    return 1 / 0\nX = f()", cell_index=4, line=3)
    outcome = hall.run("print(X)", replays=(replay,))
    assert (outcome.status, outcome.reason) == ("failed", "error")
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.cell_index) == ("ZeroDivisionError", 4)
    assert outcome.error.line == 5
    assert (
        outcome.message == "ZeroDivisionError: division by zero (in cell 5, which this step needs)"
    )


def test_a_shared_lane_keeps_values_and_does_not_replay_twice(hall: Hall) -> None:
    replay = a_replay("class Box:\n    pass")
    first = hall.run("box = Box()\nrows = iter([1])", replays=(replay,), lane="L")
    assert first.status == "succeeded"
    second = hall.run(
        "print(isinstance(box, Box), next(rows))",
        replays=(replay,),
        lane="L",
        lane_inputs=("box", "rows"),
    )
    assert printed(second) == "True 1\n"


def test_what_cannot_be_stored_is_told(hall: Hall) -> None:
    outcome = hall.run("rows = (n for n in range(3))", outputs=("rows",))
    assert outcome.report is not None
    assert [one.name for one in outcome.report.unstorable] == ["rows"]


def test_an_undeclared_change_of_an_input_is_found(hall: Hall) -> None:
    blobs = hall.commit(hall.run("items = [1]", outputs=("items",)))
    outcome = hall.run("getattr(items, 'app' + 'end')(2)", given=blobs)
    assert outcome.report is not None
    assert outcome.report.found_mutations == ("items",)


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("import rich; rich.reconfigure(width=33)", ("@module:rich",)),
        ("import rich; rich.get_console()", ()),
    ],
)
def test_a_library_that_is_called_for_a_value_and_gives_none_was_changed(
    hall: Hall, source: str, changed: tuple[str, ...]
) -> None:
    cell = Source(cell="c", cell_index=0, source=source, shown_call=source.split("; ")[1])
    outcome = hall.run(cells=(cell,))
    assert outcome.report is not None
    assert outcome.report.found_mutations == changed


def test_files_are_seen_and_ours_are_not(hall: Hall) -> None:
    (hall.folder / "in.txt").write_text("x")
    outcome = hall.run(
        "text = open('in.txt').read()\nopen('out.txt', 'w').write(text)", outputs=("text",)
    )
    assert outcome.report is not None
    assert [one.path for one in outcome.report.files_read] == ["in.txt"]
    assert [one.path for one in outcome.report.files_written] == ["out.txt"]


def test_random_numbers_go_on_where_they_were(hall: Hall) -> None:
    seed = "import random\nrandom.seed(1)\nprint([random.random() for _ in range(3)][-1])"
    whole = printed(hall.run(seed))
    first = hall.run("import random\nrandom.seed(1)\n_ = random.random()", outputs=("@random",))
    blobs = hall.commit(first)
    second = hall.run("import random\nrandom.random()\nprint(random.random())", given=blobs)
    assert printed(second) == whole


def test_a_module_beside_a_path_that_was_added_is_found_by_replays(hall: Hall) -> None:
    (hall.folder / "lib").mkdir()
    (hall.folder / "lib" / "tools.py").write_text("ANSWER = 42\n")
    blobs = hall.commit(hall.run("import sys\nsys.path.append('lib')", outputs=("@sys.path",)))
    replay = replace(a_replay("import tools"), below=("@sys.path",))
    outcome = hall.run("print(tools.ANSWER)", given=blobs, replays=(replay,))
    assert printed(outcome) == "42\n"


def test_a_module_finds_the_variables_that_were_set_above_its_import(hall: Hall) -> None:
    """One that was imported above them does not: they are restored between the two."""
    for name in ("early", "late"):
        text = "import os\nmode = os.environ.get('NBFLOW_TRIED')\n"
        (hall.folder / f"{name}_import.py").write_text(text)
    setting = "import os\nos.environ['NBFLOW_TRIED'] = '1'"
    blobs = hall.commit(hall.run(setting, outputs=("@environ",)))
    early, late = a_replay("import early_import"), a_replay("import late_import")
    replays = (early, replace(late, below=("@environ",)))
    show = "print(early_import.mode, late_import.mode)"
    assert printed(hall.run(show, given=blobs, replays=replays)) == "None 1\n"


def test_steps_know_their_name(hall: Hall) -> None:
    show = "import os\nprint(os.environ['NBFLOW_STEP'])"
    assert [printed(hall.run(show, lane="L")) for _ in range(2)] == ["s1\n", "s2\n"]


# -- a kernel that serves one step after the other -------------------------------------------------

PID = "import os\nprint(os.getpid())"

UNCLEAN = {
    "a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(9,)).start()",
    "a process": "import subprocess\np = subprocess.Popen(['sleep', '9'])",
    "an open file": "f = open('x.txt', 'w')\nf.write('x')",
    "a variable": "import os\nos.environ['NBFLOW_TRIED'] = '1'",
    "the folder": "import os\nos.chdir('/')",
    "a setting": "import pandas as pd\npd.set_option('display.width', 33)",
    "a seed": "import random\nrandom.seed(1)",
    "a filter": "import warnings\nwarnings.simplefilter('error')",
    "an open figure": (
        "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\nplt.figure()"
    ),
    "a signal": "import signal\nsignal.signal(signal.SIGUSR1, print)",
    "a builtin": "import builtins\nbuiltins.print = builtins.print.__call__",
    "an exit handler": "import atexit\natexit.register(print)",
    "a magic": "%alias_magic t time",
    "sql": "%sql SELECT 1",
    "duckdb": "import duckdb\nduckdb.sql('create table t as select 1')",
    "a logger": "import logging\nlogging.getLogger('x').setLevel('DEBUG')",
    "an error": "raise ValueError",
}


def test_a_clean_kernel_serves_a_step_below(hall: Hall) -> None:
    left = "kept = 1\nimport json\nprint(kept)\nkept"
    first = hall.run(left, PID)
    hall.first = 5
    look = "print([n for n in ('kept', 'json', '_2') if n in globals()], _, Out, __name__)"
    second = hall.run(PID, look)
    assert printed(first, "c1") == printed(second)
    assert printed(second, "c1") == "[]  {} __main__\n"


def test_a_step_above_gets_a_kernel_of_its_own(hall: Hall) -> None:
    hall.first = 5
    first = hall.run(PID)
    hall.first = 3
    assert printed(first) != printed(hall.run(PID))


@pytest.mark.parametrize("case", UNCLEAN)
def test_a_kernel_that_is_not_clean_serves_nobody_else(hall: Hall, case: str) -> None:
    cells = hall.spec((PID, UNCLEAN[case]), {}, {}).cells
    first = hall.run(cells=tuple(replace(cell, raises_exception=True) for cell in cells))
    hall.first = 5
    assert printed(first) != printed(hall.run(PID)), case


def test_definitions_are_made_anew_for_each_step(hall: Hall) -> None:
    counter = a_replay("class Counter:\n    seen = []")
    hall.run("Counter.seen.append(1)", replays=(counter,))
    hall.first = 5
    assert printed(hall.run("print(Counter.seen)", replays=(counter,))) == "[]\n"


def test_what_can_be_defined_once_only_gets_a_kernel_of_its_own(hall: Hall) -> None:
    once = a_replay("import sys\nassert not hasattr(sys, 'once')\nsys.once = True")
    first = hall.run(PID, replays=(once,))
    hall.first = 5
    assert printed(first) != printed(hall.run(PID, replays=(once,)))
