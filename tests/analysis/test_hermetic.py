"""What is never reused: results that differ each time, with the call and the line that say so."""

import pytest

from nbflow.analysis.cells import read_cells
from nbflow.analysis.link import link
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.step import Step

HEAD = (
    "import os, random, secrets, socket, subprocess, time, urllib.request, uuid\n"
    "from datetime import date, datetime\nfrom time import time as now\n"
    "import duckdb, numpy as np, pandas as pd, polars as pl, requests"
)

TIME, LOTS, NET, PROGRAM = (
    "it asks the clock, or else what differs each time: ",
    "it draws random numbers without a seed: ",
    "it touches the network: ",
    "it starts another program: ",
)

AGAIN = [
    ("x = time.time()", TIME, "time.time()"),
    ("x = time.perf_counter()", TIME, "time.perf_counter()"),
    ("print(f'took {time.time():.1f}')", TIME, "time.time()"),
    ("x = now()", TIME, "time.time()"),
    ("x = datetime.now()", TIME, "datetime.datetime.now()"),
    ("x = date.today()", TIME, "datetime.date.today()"),
    ("x = pd.Timestamp.now()", TIME, "pandas.Timestamp.now()"),
    ("x = pd.Timestamp('now')", TIME, "pandas.Timestamp()"),
    ("x = pd.to_datetime('today')", TIME, "pandas.to_datetime()"),
    ("x = np.datetime64('now')", TIME, "numpy.datetime64()"),
    ("x = os.getpid()", TIME, "os.getpid()"),
    ("x = os.path.getmtime('a.csv')", TIME, "os.path.getmtime()"),
    ("x = os.stat('a.csv').st_mtime", TIME, "os.stat()"),
    ("x = socket.gethostname()", TIME, "socket.gethostname()"),
    ("x = random.random()", LOTS, "random.random()"),
    ("x = np.random.rand(3)", LOTS, "numpy.random.rand()"),
    ("x = np.random.default_rng().random()", LOTS, "numpy.random.default_rng()"),
    ("x = random.SystemRandom().random()", LOTS, "random.SystemRandom()"),
    ("x = uuid.uuid4()", LOTS, "uuid.uuid4()"),
    ("x = os.urandom(4)", LOTS, "os.urandom()"),
    ("x = secrets.token_hex()", LOTS, "secrets.token_hex()"),
    ("x = pd.DataFrame({'a': [1]}).sample(1)", LOTS, "sample()"),
    ("x = requests.get('https://a.b')", NET, "requests.get()"),
    ("x = urllib.request.urlopen('https://a.b')", NET, "urllib.request.urlopen()"),
    ("s = socket.create_connection(('h', 1)).close()", NET, "socket.create_connection()"),
    ("x = pd.read_csv('https://a.b/c.csv')", NET, "https://a.b/c.csv"),
    ("x = pl.read_parquet('s3://a/b')", NET, "s3://a/b"),
    ("x = subprocess.run(['ls'])", PROGRAM, "subprocess.run()"),
    ("x = os.system('ls')", PROGRAM, "os.system()"),
    ("!ls", PROGRAM, "!ls"),
    ("x = duckdb.sql('SELECT now()').fetchall()", TIME, "SQL's now"),
]

SQL_AGAIN = [
    ("SELECT now()", TIME, "SQL's now"),
    ("SELECT current_date", TIME, "SQL's current_date"),
    ("SELECT current_timestamp", TIME, "SQL's current_timestamp"),
    ("SELECT today()", TIME, "SQL's today"),
    ("SELECT age(TIMESTAMP '2020-01-01')", TIME, "SQL's age"),
    ("SELECT random()", LOTS, "SQL's random"),
    ("SELECT uuid()", LOTS, "SQL's uuid"),
    ("SELECT gen_random_uuid()", LOTS, "SQL's gen_random_uuid"),
    ("FROM range(10) USING SAMPLE 2", LOTS, "SQL's sample"),
    ("FROM read_csv('https://a.b/c.csv')", NET, "https://a.b/c.csv"),
    ("FROM 'https://a.b/c.parquet'", NET, "https://a.b/c.parquet"),
]

REUSED = [
    "time.sleep(0.1)",
    "x = datetime(2020, 1, 1)",
    "x = pd.Timestamp('2020-01-01')",
    "random.seed(1)\nx = random.random()",
    "x = np.random.default_rng(1).random()",
    "x = uuid.uuid5(uuid.NAMESPACE_DNS, 'a')",
    "x = pd.DataFrame({'a': [1]}).sample(1, random_state=1)",
    "%time x = 1",
    "%%time\nx = 1",
    "from tqdm import tqdm\nx = [i for i in tqdm([1])]",
    "%%sql x\nSELECT 1 AS now",
    "%%sql x\nSELECT date '2020-01-01'",
]


def reason(*cells: str) -> str | None:
    """Why the last cell's step is never reused."""
    return last_step(*cells).never_reuse


def last_step(*cells: str) -> Step:
    """The step of the last cell."""
    made = tuple(
        Cell(id=CellId(f"c{i}"), index=i, kind=CellKind.CODE, source=source)
        for i, source in enumerate((HEAD, *cells))
    )
    notebook = Notebook(path="n.ipynb", cells=made)
    return link(notebook, read_cells(notebook), {}).steps[-1]


@pytest.mark.parametrize(("cell", "why", "what"), AGAIN)
def test_what_differs_each_time_is_named(cell: str, why: str, what: str) -> None:
    assert reason(cell) == f"{why}{what} in cell 2 line 1"


@pytest.mark.parametrize(("query", "why", "what"), SQL_AGAIN)
def test_so_it_is_in_sql(query: str, why: str, what: str) -> None:
    assert reason(f"%%sql x\n{query}") == f"{why}{what} in cell 2 line 2"


@pytest.mark.parametrize("cell", REUSED)
def test_what_does_not_differ_is_reused(cell: str) -> None:
    assert reason(cell) is None


def test_a_function_is_named_where_it_is_called() -> None:
    cell = "def stamp():\n    return time.time()"
    assert reason(cell, "a = 1\nx = stamp()") == f"{TIME}time.time() in cell 3 line 2"


@pytest.mark.parametrize(
    ("cells", "looks"),
    [
        (("x = os.getcwd()",), True),
        (("from pathlib import Path\nx = [Path('a').resolve()]",), True),
        (("def here():\n    return os.path.abspath('a')", "x = [here()]"), True),
        (("x = [1]",), False),
        (("x = [open('a.csv').read()]",), False),
    ],
)
def test_who_looks_at_the_folder_is_known(cells: tuple[str, ...], looks: bool) -> None:
    assert last_step(*cells).knows_folder is looks
