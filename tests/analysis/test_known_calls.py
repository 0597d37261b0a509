"""What code does besides binding names: files, channels, effects, what stays in its kernel."""

import pytest

from nbflow.analysis.cells import read_cells
from nbflow.analysis.facts import CellFacts, Certainty, Effect
from nbflow.core.names import NameKind, kind_of
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook

IMPORTS = (
    "import pandas as pd, numpy as np, os, random, json, shutil, pickle, glob, sys, time\n"
    "import matplotlib.pyplot as plt\nimport matplotlib as mpl\nimport seaborn as sns\n"
    "import duckdb, sqlite3, requests, threading, asyncio, warnings, subprocess, locale, decimal\n"
    "from pathlib import Path\nfrom datetime import datetime, date\nimport datetime as dt\n"
    "import sqlalchemy as sa\nimport importlib, logging, contextlib\n"
    "DATA = 'data'\nROOT = Path('data')\ndf = pd.DataFrame({'a': [1]})"
)


def read(*cells: str) -> CellFacts:
    return all_of(IMPORTS, *cells)[-1]


def all_of(*sources: str) -> tuple[CellFacts, ...]:
    notebook = Notebook(
        path="n.ipynb",
        cells=tuple(
            Cell(id=CellId(f"c{i}"), index=i, kind=CellKind.CODE, source=source)
            for i, source in enumerate(sources)
        ),
    )
    return read_cells(notebook)


def files(facts: CellFacts) -> str:
    read = {f"r:{u.name[5:]}" for u in facts.reads if kind_of(u.name) is NameKind.FILE}
    written = {f"w:{u.name[5:]}" for u in facts.writes if kind_of(u.name) is NameKind.FILE}
    return " ".join(sorted(read | written))


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("pd.read_csv('data/a.csv')", "r:data/a.csv"),
        ("pd.read_csv('./a.csv')", "r:a.csv"),
        ("pd.read_csv(f'{DATA}/a.csv')", "r:data/a.csv"),
        ("pd.read_csv(DATA + '/a.csv')", "r:data/a.csv"),
        ("pd.read_csv(ROOT / 'x' / 'a.csv')", "r:data/x/a.csv"),
        ("pd.read_csv(os.path.join(DATA, 'a.csv'))", "r:data/a.csv"),
        ("pd.read_csv(Path(DATA, 'a.csv'))", "r:data/a.csv"),
        ("pd.read_csv(str(ROOT / 'a.csv'))", "r:data/a.csv"),
        ("day = input()\npd.read_csv(f'{DATA}/{day}.csv')", "r:data/*.csv"),
        ("pd.read_csv('data/{}.csv'.format(3))", "r:data/*.csv"),
        ("pd.read_csv('data/%s.csv' % 3)", "r:data/*.csv"),
        ("pd.read_csv(unknown())", "r:*"),
        ("pd.read_csv(filepath_or_buffer='a.csv')", "r:a.csv"),
        ("pd.read_csv('https://x.org/a.csv')", ""),
        ("import io\npd.read_csv(io.StringIO('a'))", ""),
        ("df.to_csv('out/a.csv')", "w:out/a.csv"),
        ("x = df.to_csv()", ""),
        ("df.to_parquet(path=ROOT / 'a.parquet')", "w:data/a.parquet"),
        ("open('a.txt').read()", "r:a.txt"),
        ("open('a.txt', 'w').write('x')", "w:a.txt"),
        ("with open('a.json') as f: x = json.load(f)", "r:a.json"),
        ("with open('a.json', 'w') as f: json.dump({}, f)", "w:a.json"),
        ("(ROOT / 'a.txt').write_text('x')", "w:data/a.txt"),
        ("x = (ROOT / 'a.txt').read_text()", "r:data/a.txt"),
        ("ROOT.mkdir(exist_ok=True)", "w:data"),
        ("ROOT.with_suffix('.x').unlink()", "w:*"),
        ("shutil.copy('a', 'b')", "r:a w:b"),
        ("shutil.move('a', 'b')", "w:a w:b"),
        ("os.remove('a')", "w:a"),
        ("os.makedirs('out/x', exist_ok=True)", "w:out/x"),
        ("x = os.listdir('out')", "r:out"),
        ("for p in ROOT.glob('*.csv'): pd.read_csv(p)", "r:data/*.csv"),
        ("for p in glob.glob('d/*.csv'): pd.read_csv(p)", "r:d/*.csv"),
        ("[pd.read_csv(p) for p in ['a', 'b']]", "r:*"),
        ("plt.savefig('a.png')", "w:a.png"),
        ("fig, ax = plt.subplots()\nfig.savefig('a.png')", "w:a.png"),
        ("np.save('a.npy', df)", "w:a.npy"),
        ("with sqlite3.connect('a.db') as con: con.execute('x')", "r:a.db w:a.db"),
        ("con = sqlite3.connect(':memory:')", ""),
        ("def load(name): return pd.read_csv(f'{DATA}/{name}.csv')\nx = load('a')", "r:data/a.csv"),
        ("def save(t, p): t.to_csv(p)\nsave(df, 'x.csv')", "w:x.csv"),
        ("if ROOT.exists(): pass", "r:data"),
        ("import helpers\nx = helpers.load()", "r:* w:*"),
        ("!ls > x", "r:* w:*"),
        ("%%writefile a.py\nx = 1", "w:a.py"),
        ("%%bash\nls", "r:* w:*"),
        ("!pip install x", ""),
        ("duckdb.sql(\"SELECT * FROM 'a.csv'\").df()", "r:a.csv"),
        ("import nbflow\npd.read_csv(nbflow.wait_for(ROOT / 'm.csv', timeout=1))", "r:data/m.csv"),
    ],
)
def test_files(cell: str, wanted: str) -> None:
    assert files(read(cell)) == wanted


@pytest.mark.parametrize(
    ("cell", "reads", "writes"),
    [
        ("np.random.seed(0)", "", "@numpy.random"),
        ("x = np.random.rand(3)", "@numpy.random", "@numpy.random"),
        ("np.random.seed(0)\nx = np.random.rand(3)", "", "@numpy.random"),
        ("random.seed(1)", "", "@random"),
        ("x = random.choice([1, 2])", "@random", "@random"),
        ("rng = np.random.default_rng(1)\nx = rng.normal()", "", ""),
        ("x = df.sample(3)", "@numpy.random", "@numpy.random"),
        ("x = df.sample(3, random_state=1)", "", ""),
        ("plt.rcParams['figure.dpi'] = 100", "@rcParams", "@rcParams"),
        ("mpl.rcParams.update({'a': 1})", "@rcParams", "@rcParams"),
        ("plt.style.use('x')", "@rcParams", "@rcParams"),
        ("sns.set_theme()", "@rcParams", "@rcParams"),
        ("with plt.style.context('x'): pass", "", ""),
        ("pd.set_option('a', 1)", "@pandas.options", "@pandas.options"),
        ("pd.options.display.max_rows = 5", "@pandas.options", "@pandas.options"),
        ("os.environ['X'] = '1'", "@environ", "@environ"),
        ("os.environ.update(X='1')", "@environ", "@environ"),
        ("x = os.environ['X']", "@environ", ""),
        ("x = os.getenv('X')", "@environ", ""),
        ("x = os.getcwd()", "@cwd", ""),
        ("sys.path.append('x')", "@sys.path", "@sys.path"),
        ("sys.path[:0] = ['x']", "@sys.path", "@sys.path"),
        ("warnings.filterwarnings('ignore')", "@warnings", "@warnings"),
        ("locale.setlocale(0, 'C')", "@locale", "@locale"),
        ("decimal.getcontext().prec = 5", "@decimal", "@decimal"),
        ("%env X=1", "@environ", "@environ"),
        ("def f(): return np.random.rand()\nx = f()", "@numpy.random", "@numpy.random"),
        ("def f(): np.random.seed(1)\nf()", "", "@numpy.random"),
    ],
)
def test_channels(cell: str, reads: str, writes: str) -> None:
    facts = read(cell)
    sure_reads = {u.name for u in facts.reads if u.certainty is Certainty.SURE and u.name[0] == "@"}
    sure_writes = {
        u.name for u in facts.writes if u.certainty is Certainty.SURE and u.name[0] == "@"
    }
    assert (sorted(sure_reads), sorted(sure_writes)) == (reads.split(), writes.split())


def test_a_seed_is_bound_and_a_draw_is_not() -> None:
    assert "@numpy.random" in read("np.random.seed(0)").binds
    assert "@numpy.random" not in read("np.random.rand()").binds
    assert "@numpy.random" not in read("if df.a.sum(): np.random.seed(0)").binds


def test_unknown_calls_may_draw() -> None:
    facts = read("x = unknown(3)")
    may = {u.name for u in facts.reads if u.certainty is Certainty.MAY}
    assert {"@random", "@numpy.random"} <= may
    assert "@random" not in {u.name for u in read("x = len([1])").reads}


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("x = datetime.now()", {Effect.CLOCK}),
        ("x = date.today()", {Effect.CLOCK}),
        ("x = dt.datetime.utcnow()", {Effect.CLOCK}),
        ("x = time.time()", {Effect.CLOCK}),
        ("x = pd.Timestamp.now()", {Effect.CLOCK}),
        ("x = datetime(2026, 1, 2)", set()),
        ("x = requests.get('u')", {Effect.NETWORK}),
        ("x = pd.read_csv('https://x.org/a.csv')", {Effect.NETWORK}),
        ("subprocess.run(['ls'])", {Effect.SUBPROCESS}),
        ("os.system('ls')", {Effect.SUBPROCESS}),
        ("!ls", {Effect.SUBPROCESS}),
        ("assert df.a.sum() > 0", {Effect.RAISES}),
        ("if df.empty: raise ValueError('x')", {Effect.RAISES}),
        ("if df.empty: sys.exit(1)", {Effect.RAISES}),
        ("pd.testing.assert_frame_equal(df, df)", {Effect.RAISES}),
        ("def check(t): assert len(t)\ncheck(df)", {Effect.RAISES_INSIDE}),
        ("def check(t): assert len(t)", set()),
        ("try:\n    raise ValueError\nexcept ValueError: pass", set()),
        ("x = input()", {Effect.INPUT}),
        ("breakpoint()", {Effect.INPUT}),
        ("x = np.random.rand()", {Effect.RANDOM}),
        ("np.random.seed(1)\nx = np.random.rand()", set()),
        ("rng = np.random.default_rng()", {Effect.RANDOM, Effect.UNSEEDED}),
        ("rng = np.random.default_rng(7)", set()),
        ("df.to_csv('x')", {Effect.WRITES_FILES}),
        ("x = df.to_sql('t', con)", {Effect.DATABASE}),
        ("x = os.environ[df.a[0]]", {Effect.CLOCK}),
        ("%timeit 1 + 1", set()),
        ("for f in [lambda: time.time()]: x = f()", {Effect.CLOCK}),
        ("x = df.a.map(lambda v: time.time())", {Effect.CLOCK}),
        ("x = sorted([1], key=lambda v: time.time())", {Effect.CLOCK}),
    ],
)
def test_effects(cell: str, wanted: set[Effect]) -> None:
    assert read(cell).effects == wanted


def test_effects_of_a_function_kept_in_a_container() -> None:
    facts = read(
        "import lib\nhandlers = lib.Registry(lambda: requests.post('u'))", "x = handlers.go()"
    )
    assert Effect.NETWORK in facts.effects


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("con = sqlite3.connect('a.db')", "con"),
        ("con = duckdb.connect()", "con"),
        ("engine = sa.create_engine('x')", "engine"),
        ("g = (i for i in [1])", "g"),
        ("def gen():\n    yield 1\ng = gen()", "g"),
        ("it = iter([1])", "it"),
        ("z = zip([1], [2])", "z"),
        ("m = map(str, [1])", "m"),
        ("f = open('a')", "f"),
        ("with open('a') as f: x = f.read()", ""),
        ("lock = threading.Lock()", "lock"),
        ("s = requests.Session()", "s"),
        ("x = list(zip([1], [2]))", ""),
        ("x = sum(i for i in [1])", ""),
        ("for i, j in enumerate([1]): pass", ""),
        ("d = {'con': sqlite3.connect('a')}", "d"),
        ("class C:\n    def __init__(self): self.con = sqlite3.connect('a')\nc = C()", "c"),
        ("rows = sqlite3.connect('a').execute('x').fetchall()", ""),
        ("r = duckdb.sql('SELECT 1')", "r"),
        ("r = duckdb.sql('SELECT 1').df()", ""),
        ("parts = pd.read_csv('a', chunksize=5)", "parts"),
        ("d = {}\nkeys = d.keys()", "keys"),
        ("d = {}\nfor k in d.keys(): pass", ""),
        ("d = {}\nx = list(d.values())", ""),
        ("m = memoryview(bytearray(3))", "m"),
        ("m = np.memmap('a')", "m"),
        ("m = np.load('a', mmap_mode='r')", "m"),
        ("m = np.load('a')", ""),
    ],
)
def test_what_stays_in_its_kernel(cell: str, wanted: str) -> None:
    facts = read(cell)
    assert sorted(name for name, _ in facts.affinity) == wanted.split()


@pytest.mark.parametrize(
    "cell",
    [
        "eval('df')",
        "exec('x = 1')",
        "globals()['x'] = 1",
        "x = locals()",
        "x = vars()",
        "x = dir()",
        "x = _",
        "x = Out[3]",
        "x = _i3",
        "get_ipython().user_ns['x'] = 1",
        "from helpers import *",
        "importlib.reload(json)",
        "threading.Thread(target=print).start()",
        "asyncio.create_task(f())",
        "%run other.ipynb",
        "%%unknown\nx",
        "%unknown x",
        "%autoreload 2\n# %%writefile\nopen('m.py', 'w').write('x = 1')",
        "%matplotlib widget",
        "%config InlineBackend.close_figures = False",
        "np.something = 1",
        "json.cache['x'] = 1",
        "import helpers\nhelpers.setup()",
        "requests.packages.disable()",
        "q = df.a[0]\nduckdb.sql(q)",
        "np.setbufsize(16384)",
        "logging.basicConfig()",
        "df.query(df.a[0])",
        "%who",
        "os.chdir('x')",
        "%cd x",
        "cd x",
        "x = {id(df): 1}",
        "x = hash(df)",
        "x = __annotations__",
        "time.tzset()",
        "logging.getLogger('x').setLevel(10)",
        "log = logging.getLogger('x')\nlog.propagate = False",
        "from IPython import get_ipython\nx = get_ipython().user_ns",
        "def f(): exec('x = 1')\nf()",
    ],
)
def test_one_lane(cell: str) -> None:
    assert read(cell).one_lane


@pytest.mark.parametrize(
    "cell",
    [
        "plt.plot([1])",
        "df.plot()",
        "print(df)",
        "x = json.dumps({})",
        "for _ in range(3): x = _",
        "%matplotlib inline",
        "%config InlineBackend.figure_format = 'retina'",
        "%load_ext nbflow",
        "import helpers\nx = helpers.load()",
        "duckdb.sql('SELECT * FROM df').df()",
        "time.sleep(1)",
        "logging.info('x')",
        "asyncio.run(f())",
        "x = hash('a')",
        (
            "from IPython import display as d\n"
            "d.display(1, display_id='x')\nd.update_display(display_id='x')"
        ),
        "handle = display(1, display_id=True)\nhandle.update(2)",
        "x = [eval for eval in [1]]",
        "x = vars(df)",
        "x = dir(df)",
        "def f(x, acc=[]):\n    return len(acc)\nf(1)",
        "df.query('a > 1')",
        "%timeit x = 1",
    ],
)
def test_not_one_lane(cell: str) -> None:
    assert read(cell).one_lane == ()


def test_duckdb_reads_the_variables_it_names() -> None:
    facts = read("x = duckdb.sql('SELECT * FROM df JOIN other USING (a)').df()")
    assert {u.name for u in facts.reads if kind_of(u.name) is NameKind.VARIABLE} == {"df", "duckdb"}


def test_environment_variables_are_named() -> None:
    facts = read("x = os.environ['A'] + os.getenv('B') + os.environ.get('C', 'd')")
    assert facts.environment_reads == ("A", "B", "C")


def test_value_types_say_what_is_sure() -> None:
    facts = read("t = df[df.a > 1]\ns = t.a\nn = 1\nx = 'a'\nu = unknown()\np = Path('a') / 'b'")
    wanted = {"t": "DataFrame", "s": "Series", "n": "int", "x": "str", "p": "Path"}
    found = dict(facts.value_types)
    assert {name: found.get(name) for name in wanted} == wanted
    assert "u" not in found


def test_a_parameter_has_a_type_but_no_value() -> None:
    notebook = Notebook(
        path="n.ipynb",
        cells=(
            Cell(
                id=CellId("p"),
                index=0,
                kind=CellKind.CODE,
                source="day = '2026-01-01'\nn = 3",
                tags=("parameters",),
            ),
            Cell(
                id=CellId("c"),
                index=1,
                kind=CellKind.CODE,
                source="import pandas as pd\nx = pd.read_csv(f'in/{day}.csv')\nm = n * 2",
            ),
        ),
    )
    first, second = read_cells(notebook)
    assert not first.fragments
    assert files(second) == "r:in/*.csv"
    assert dict(second.value_types)["m"] == "number"


def test_skipped_cells_leave_nothing_behind() -> None:
    cells = (
        Cell(id=CellId("a"), index=0, kind=CellKind.CODE, source="x = [1]"),
        Cell(id=CellId("b"), index=1, kind=CellKind.CODE, source="x = 2", tags=("skip",)),
        Cell(id=CellId("c"), index=2, kind=CellKind.CODE, source="unknown(x)"),
    )
    facts = read_cells(Notebook(path="n.ipynb", cells=cells))
    assert len(facts) == 3
    assert "x" in {use.name for use in facts[2].writes}


def test_markdown_is_left_out_and_order_is_kept() -> None:
    cells = tuple(
        Cell(id=CellId(str(i)), index=i, kind=kind, source=f"x{i} = 1")
        for i, kind in enumerate((CellKind.MARKDOWN, CellKind.CODE, CellKind.RAW, CellKind.CODE))
    )
    assert [f.index for f in read_cells(Notebook(path="n.ipynb", cells=cells))] == [1, 3]


@pytest.mark.parametrize(
    ("cell", "one_lane"),
    [
        ("import stranger\nstranger.go()\nx = 1", True),
        ("import stranger\nstranger.go('fast');", True),
        ("import stranger\nstranger.set_backend(df)", True),
        ("import stranger\nstranger.use('fast')", True),
        ("import stranger\nstranger.analyse('text')", False),  # its result is shown
        ("import stranger\nstranger.analyse('text');", True),
        ("import stranger\nstranger.phase_plot('text');", False),
        ("import stranger\nstranger.go(df)\nx = 1", False),  # it works on the table
    ],
)
def test_calls_for_what_they_do(cell: str, one_lane: bool) -> None:
    assert bool(read(cell).one_lane) is one_lane


def test_methods_of_strangers_are_not_judged_by_their_names() -> None:
    head = "import stranger, statsmodels.api as sm\nboot = stranger.Bootstrap(3)\nres = sm.what(3)"
    facts = all_of(head, "c = boot.cov()", "c = res.cov()")
    assert "boot" in {str(use.name) for use in facts[1].writes}
    assert "res" not in {str(use.name) for use in facts[2].writes}


def test_a_library_that_counts_keeps_its_users_in_one_kernel() -> None:
    facts = all_of("import altair as alt", "a = alt.Chart(1)", "b = alt.Chart(2)")
    assert facts[1].affinity[0][1] == "altair numbers what it makes"
    assert "library/altair" in {str(use.name) for use in facts[2].writes}


@pytest.mark.parametrize(
    ("cell", "counts"),
    [
        ("b = ct.tf(1, [1, 3])", True),
        ("b = a.feedback(1)", True),
        ("b = a * a", True),
        ("b = ct.poles(a)", False),
        ("b = [1, 2]", False),
    ],
)
def test_a_count_that_can_travel_is_a_channel(cell: str, counts: bool) -> None:
    facts = all_of("import control as ct", "a = ct.tf(1, [1, 2])", cell)
    for uses in (facts[2].reads, facts[2].writes):
        assert ("@control" in {str(use.name) for use in uses}) is counts
    assert not facts[1].affinity
