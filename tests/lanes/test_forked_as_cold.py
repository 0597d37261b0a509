"""A forked kernel is no other kernel: each case runs in both, and shows and leaves the same.

Speed tests never see what a fork may lose: figures, `sys.path`, exit handlers, buffered files.
"""

# ruff: noqa: E501 - cells are kept on a line each

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lane_bench import a_spec, run

from nbflow.core.task import WARNED
from nbflow.lanes.client import open_lane
from nbflow.lanes.kernels import Kernels
from nbflow.lanes.warmth import keep_warm

pytestmark = [pytest.mark.slow, pytest.mark.ci, pytest.mark.usefixtures("known_fonts")]

MODULES = (
    "pandas",
    "numpy",
    "matplotlib.pyplot",
    "seaborn",
    "sklearn.linear_model:LinearRegression",
    "ipywidgets",
    "tqdm.auto:tqdm",
    "requests",
    "sqlalchemy",
    "duckdb",
    "polars",
    "statsmodels.api",
)
"""Imported before the fork, as far as they stand it; the cases import them again."""

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 1])"
INHERITED = "sorted(k for k in os.environ if not k.startswith(('PYTEST', 'NBFLOW', 'JPY', '_')))"

CASES: dict[str, tuple[str, ...]] = {
    # -- what is shown
    "figure": (PLOT,),
    "figure shown by show": (f"{PLOT}\nplt.show()", "plt.gcf()"),
    "figure by a magic": ("%matplotlib inline", PLOT),
    "figures of pandas": ("import pandas as pd", "pd.Series([1, 3, 2]).plot()"),
    "figures of pandas with dates": (
        "import pandas as pd",
        "pd.Series([1, 3], index=pd.to_datetime(['2024-01-01', '2024-02-01'])).plot()",
    ),
    "dates without pandas' converters": (
        "import datetime, matplotlib.pyplot as plt",
        "plt.plot([datetime.date(2024, 1, 1), datetime.date(2024, 3, 1)], [1, 2])",
    ),
    "figure of seaborn": ("import seaborn as sns", "sns.histplot([1, 2, 2, 3])"),
    "agg instead of inline": ("import matplotlib\nmatplotlib.use('agg')", PLOT, "plt.show()"),
    "backend by variable": (
        "import os\nos.environ['MPLBACKEND'] = 'agg'",
        "import matplotlib\nmatplotlib.get_backend()",
        PLOT,
    ),
    "figure left open for the next cell": (
        "%config InlineBackend.close_figures = False",
        PLOT,
        "plt.title('later')",
    ),
    "figure as svg": (
        "import matplotlib\nmatplotlib.rcParams['svg.hashsalt'] = 'fixed'",
        "%config InlineBackend.figure_formats = ['svg']",
        PLOT,
    ),
    "settings of plots": (
        "import matplotlib.pyplot as plt",
        "plt.rcParams['figure.figsize'], plt.rcParams['backend'], plt.isinteractive()",
        "plt.style.use('ggplot')",
        PLOT,
    ),
    "frame": ("import pandas as pd\npd.DataFrame({'a': [1, 2]})",),
    "wide frame": (
        "import pandas as pd\nwide = pd.DataFrame({f'column {n}': [n] for n in range(30)})",
        "print(wide)",
        "wide",
    ),
    "settings of pandas": (
        "import pandas as pd\nfrom pandas._config import config\nnames = sorted(config._registered_options)",
        "print(*[(name, pd.get_option(name)) for name in names], sep='\\n')",
        "import warnings\nwarnings.simplefilter('ignore')\npd.reset_option('all')\nprint(*[(name, pd.get_option(name)) for name in names], sep='\\n')",
    ),
    "progress bar": ("from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass\ntype(tqdm)",),
    "widget": (
        "import ipywidgets as w\ns = w.IntSlider(3)\nprint(s.value, type(s.comm).__name__)",
        "s",
        "out = w.Output()\nwith out:\n    print('in')\nprint(len(out.outputs))",
    ),
    "display": (
        "from IPython.display import HTML, Markdown, display\ndisplay(HTML('<b>x</b>'))",
        "h = display('one', display_id='d')\nh.update('two')",
        "from IPython.display import clear_output\nprint(1)\nclear_output()\nprint(2)",
    ),
    "a traceback": ("def f(x):\n    return 1 / x\n", "f(0)"),
    "a syntax error": ("x = = 1",),
    "a chained error": (
        "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('no') from e",
    ),
    "warnings": (
        "import warnings\nwarnings.warn('careful')",
        "warnings.warn('old', DeprecationWarning)",
        "sorted(str((f[0], f[1], f[2].__name__)) for f in warnings.filters)",
    ),
    "logging": (
        "import logging\nlogging.warning('seen')\nlogging.info('unseen')",
        "logging.getLogger().handlers, logging.getLogger().level",
        "logging.basicConfig(level='INFO')\nlogging.info('seen now')",
    ),
    "output of processes": (
        "import os, subprocess, sys",
        "os.write(1, b'raw\\n');",
        "subprocess.run(['echo', 'child'])",
        "os.system('echo system; echo err >&2')",
        "!echo shell {1 + 1}",
        "%%bash\necho bash\nexit 3",
        "%%sh\npwd | xargs basename | cut -c1-4",
        "x = !printf 'a\\nb'\nprint(x)",
        "%sx echo sx",
    ),
    # -- the interpreter
    "paths and arguments": (
        "import sys\nsys.path",
        "sys.argv[1:2], len(sys.argv), sys.argv[0].rsplit('/', 1)[1]",
        "sys.orig_argv[1:3], len(sys.orig_argv)",
        "sys.flags",
        "sys.executable, sys.prefix, sys.dont_write_bytecode, sys.pycache_prefix",
        "sys.warnoptions, sys._xoptions, sys.tracebacklimit if hasattr(sys, 'tracebacklimit') else 0",
        "sys.getrecursionlimit(), sys.getswitchinterval()",
        "sys.stdin, sys.stdin.fileno() if hasattr(sys.stdin, 'fileno') else 0",
        "type(sys.stdout).__name__, sys.stdout.encoding, sys.stdout.isatty()",
        "type(sys.__stdout__).__name__, sys.__stdout__.fileno(), sys.__stderr__.fileno()",
        "type(sys.excepthook).__name__, sys.displayhook.__class__.__name__, sys.breakpointhook.__name__",
        "sys.meta_path, len(sys.path_hooks)",
        "sys.gettrace(), sys.getprofile()",
    ),
    "the main module": (
        "import __main__\nsorted(vars(__main__))",
        "__name__, __doc__, hasattr(__main__, '__file__'), __main__.__spec__",
        "import sys\nsys.modules['__main__'] is __main__, sys.modules['builtins']",
        "'get_ipython' in dir(__builtins__), '__IPYTHON__' in dir(__builtins__)",
        "class C: pass\nC.__module__, C.__qualname__",
        "import pickle\ntype(pickle.loads(pickle.dumps(C()))) is C",
    ),
    "the shell": (
        "ip = get_ipython()\ntype(ip), ip.execution_count, ip.autocall, ip.ast_node_interactivity",
        "sorted(ip.events.callbacks), {k: len(v) for k, v in ip.events.callbacks.items()}",
        "In, Out, _, _i",
        "sorted(ip.magics_manager.magics['line'])",
        "sorted(ip.magics_manager.magics['cell'])",
        "ip.history_manager.enabled, ip.colors, ip.banner1[:6]",
        "type(ip.kernel).__name__",
        "ip.extension_manager.loaded",
        "ip.input_transformers_cleanup, ip.input_transformers_post",
    ),
    "magics": (
        "%time sum([1]);",
        "%who",
        "x = 1\n%who",
        "%env NBFLOW_NOTHING=1",
        "%pwd\n%cd -q ..\nimport os\nlen(os.getcwd()) > 1",
        "%%capture seen\nprint('hidden')",
        "print(seen.stdout)",
        "%%writefile part.py\ny = 7",
        "%run part.py\nprint(y)",
        "import part\npart.y",
        "%load_ext autoreload\n%autoreload 2",
        "%precision 3\n1 / 3",
        "%alias_magic t time",
        "%%python\nimport sys\nprint(len(sys.argv))",
        "%xmode Minimal\n1 / 0",
        "%matplotlib --list",
    ),
    "processes' surroundings": (
        "import os, signal, threading",
        INHERITED,
        "os.environ.get('MPLBACKEND'), os.environ.get('PYTHONHASHSEED'), hash('a')",
        "os.path.basename(os.getcwd())[:4], os.umask(0o22), os.nice(0)",
        "os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid()",
        "[str(signal.getsignal(s)) for s in (1, 2, 10, 13, 14, 15, 17)]",
        "signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.set_wakeup_fd(-1) != 0",
        "threading.current_thread().name, threading.main_thread() is threading.current_thread()",
        "sorted(t.name for t in threading.enumerate())",
        "import resource\nresource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE)",
        "import faulthandler\nfaulthandler.is_enabled()",
        "import gc\ngc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.callbacks",
        "import socket\nsocket.getdefaulttimeout()",
        "import locale, decimal\nlocale.setlocale(locale.LC_ALL), decimal.getcontext()",
        "import time\ntime.tzname, time.timezone",
        "import tempfile\ntempfile.gettempdir()",
        "import multiprocessing as mp\nmp.get_start_method(), mp.current_process().name, mp.parent_process()",
        "import atexit\natexit._ncallbacks() > 0",
        "import ctypes\nctypes.CDLL(None).getppid() > 1",
    ),
    "children of its own": (
        "import os\npid = os.fork()\nif pid == 0:\n    os._exit(7)\nprint(os.waitpid(pid, 0)[1] >> 8)",
        "import subprocess\nsubprocess.run(['sleep', '0']).returncode",
        "p = subprocess.Popen(['sleep', '60'])\np.terminate()\np.wait()",
        "try:\n    os.wait()\nexcept ChildProcessError as e:\n    print(e)",
    ),
    "pools": (
        "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\nimport math",
        "with ThreadPoolExecutor(2) as pool:\n    print(list(pool.map(math.sqrt, [1, 4])))",
        "with ProcessPoolExecutor(2) as pool:\n    print(list(pool.map(math.sqrt, [1, 4])))",
        "import multiprocessing as mp\nwith mp.get_context('fork').Pool(2) as pool:\n    print(pool.map(abs, [-1, 2]))",
        "with mp.get_context('spawn').Pool(1) as pool:\n    print(pool.map(abs, [-1, 2]))",
        "with mp.get_context('forkserver').Pool(1) as pool:\n    print(pool.map(abs, [-1]))",
        "from joblib import Parallel, delayed\nParallel(2)(delayed(abs)(x) for x in [-1, -2])",
    ),
    "threads": (
        "import threading\nt = threading.Thread(target=print, args=('in a thread',))\nt.start(); t.join()",
        "e = threading.Event()\nthreading.Timer(0.01, e.set).start()\ne.wait(30)",
        "def bad():\n    raise ValueError('in thread')\nt = threading.Thread(target=bad)\nt.start(); t.join()",
    ),
    "signals": (
        "import os, signal",
        "try:\n    signal.raise_signal(signal.SIGINT)\nexcept KeyboardInterrupt:\n    print('interrupted')",
        "def ring(*_):\n    print('ring')\nsignal.signal(signal.SIGALRM, ring)\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\nsignal.pause()",
        "signal.signal(signal.SIGUSR1, ring)\nos.kill(os.getpid(), signal.SIGUSR1)\nprint('after')",
    ),
    "asyncio": (
        "import asyncio\nawait asyncio.sleep(0)\nprint('slept')",
        "asyncio.get_running_loop().__class__.__name__",
        "task = asyncio.create_task(asyncio.sleep(0, 'done'))",
        "await task",
        "async def g():\n    yield 1\n[x async for x in g()]",
        "p = await asyncio.create_subprocess_exec('echo', 'from asyncio')\nawait p.wait()",
    ),
    # -- libraries
    "seeds": (
        "import random, numpy as np\nrandom.seed(1); np.random.seed(1)",
        "random.random(), np.random.rand(), np.random.default_rng(3).random()",
        "import numpy.random as r\nr.get_state()[0], r.get_state()[2]",
    ),
    "settings of libraries": (
        "import numpy as np, pandas as pd\nnp.get_printoptions(), np.geterr()",
        "[pd.get_option(o) for o in ('display.max_rows', 'display.width', 'mode.copy_on_write')]",
        "pd.options.plotting.backend, pd.get_option('compute.use_numexpr')",
        "np.array([1.5, 2]), pd.Series([1, 2])",
    ),
    "duckdb": (
        "import duckdb\nduckdb.sql('select 42 as a')",
        "import pandas as pd\ndf = pd.DataFrame({'x': range(4)})\nduckdb.sql('select sum(x) s from df').fetchall()",
        "con = duckdb.connect('own.duckdb')\ncon.execute('create table t as select 1 as a')",
        "duckdb.default_connection().execute('create table m as select 2')\nduckdb.sql('from m').fetchall()",
    ),
    "sklearn": (
        "from sklearn.linear_model import LinearRegression",
        "LinearRegression().fit([[1], [2]], [2, 4])",
        "LinearRegression().fit([[1], [2]], [2, 4]).coef_.round(6)",
    ),
    "statsmodels": (
        "import statsmodels.api as sm",
        "sm.OLS([1.0, 2, 3], [[1], [2], [3]]).fit().params.round(6)",
    ),
    "polars": ("import polars as pl\npl.DataFrame({'a': [1, 2]}).select(pl.col('a').sum())",),
    "sqlite": (
        "import sqlite3\nc = sqlite3.connect('own.db')\nc.execute('create table t (a)')",
        "c.execute('insert into t values (1)')\nc.commit()",
        "c.execute('insert into t values (2)')",
    ),
    "arrow": (
        "import pyarrow as pa, pyarrow.compute as pc\npc.sum(pa.array([1, 2])), pa.cpu_count()",
    ),
    # -- the end
    "exit handlers": (
        "import atexit, weakref\natexit.register(lambda: open('atexit.txt', 'w').write('done'))",
        "class K: pass\nk = K()\nweakref.finalize(k, lambda: open('final.txt', 'w').write('done'))",
        "class D:\n    def __del__(self):\n        open('del.txt', 'w').write('done')\nd = D()",
        "cycle = [D()]\ncycle.append(cycle)",
    ),
    "a file that nobody closed": (
        "f = open('open.txt', 'w')\nf.write('all of it')",
        "import csv\nrows = csv.writer(open('rows.csv', 'w', newline=''))\nrows.writerow([1, 2])",
        "keep = {'f': open('held.bin', 'wb')}\nkeep['f'].write(b'bytes')",
        "import gzip\nz = gzip.open('z.gz', 'wt')\nz.write('packed')\nz.fileobj.flush()",
        "%%writefile own_module.py\nlog = open('module.log', 'w')\nlog.write('from a module')",
        "import own_module",
    ),
    "a thread that goes on after the last cell": (
        "import threading, time",
        "def late():\n    time.sleep(0.3)\n    open('late.txt', 'w').write('done')",
        "threading.Thread(target=late).start()",
    ),
}

NOTHING_IMPORTED = frozenset(
    {"backend by variable", "warnings", "paths and arguments", "processes' surroundings"}
)
"""They look at what imports leave; nbflow imports nothing before where cells decide how."""

_VOLATILE = re.compile(
    r"Thread-\d+|CPU times: .*|Wall time: .*|<dc:date>.*?</dc:date>|popen-gw\d+.*?/[abc]/|0x[0-9a-f]+|\bpid[ =]\d+|nbf-\w+|/tmp/ipykernel_\d+|ipykernel_\d+|\d+(\.\d+)? [nµm]?s\b|"
    r"\d+(\.\d+)?it/s|\d\d:\d\d<\d\d:\d\d|[0-9a-f]{32}"
)
_TEXT = frozenset({".txt", ".csv", ".log", ".bin", ".py"})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forked")


@pytest.fixture(scope="module")
def forking(folders: Path) -> Iterator[Kernels]:
    """One zygote for all cases, with everything imported that it can stand."""
    with Kernels(name="", folder=str(folders), modules=MODULES, notice=pytest.fail) as kernels:
        kernels.take(sink=lambda _: None).discard()  # it has a zygote of its own from now on
        yield kernels


def shown_and_left(kernels: Kernels, home: Path, cells: tuple[str, ...]) -> Mapping[str, Any]:
    """What each cell shows, and the files that are there when the kernel has ended."""
    work = home / "work"
    work.mkdir(parents=True)
    spec = a_spec(home, f"import os\nos.chdir({str(work)!r})", *cells)
    spec = replace(spec, cells=tuple(replace(cell, raises_exception=True) for cell in spec.cells))
    lane = open_lane(spec, kernels=kernels, logs=home / "logs")
    try:
        outcome = run(lane, spec)
    finally:
        lane.close()
    assert outcome.status == "succeeded", outcome.message
    shown = {
        cells[int(cell[1:]) - 1]: [plain(one) for one in outputs if one["output_type"] != WARNED]
        for cell, outputs in outcome.cell_outputs.items()
        if cell != "c0"
    }
    files = {
        str(path.relative_to(work)): path.read_bytes() if path.suffix in _TEXT else b""
        for path in sorted(work.rglob("*"))
        if "__pycache__" not in path.parts
    }
    return {**shown, "files": files}


def plain(output: Any) -> Any:
    """An output without what differs from one process to the next."""
    match output:
        case str():
            return _VOLATILE.sub("~", output)
        case dict():
            return {key: plain(value) for key, value in output.items() if key != "transient"}
        case list():
            return [plain(one) for one in output]
    return output


@pytest.fixture(scope="module")
def forking_bare(folders: Path) -> Iterator[Kernels]:
    """A zygote that has imported nothing for the notebook."""
    with Kernels(name="", folder=str(folders), notice=pytest.fail) as kernels:
        kernels.take(sink=lambda _: None).discard()
        yield kernels


@pytest.fixture(scope="module")
def starting(folders: Path) -> Iterator[Kernels]:
    """Kernels as Jupyter starts them."""
    with Kernels(name="", folder=str(folders), fork=False, ahead=1, expected=len(CASES)) as kernels:
        yield kernels


@pytest.fixture(scope="module")
def warmth(folders: Path, forking: Kernels, forking_bare: Kernels) -> Iterator[None]:
    """What the runs that follow find warm."""
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="nbw-") as runtime,
    ):
        patch.setenv("XDG_RUNTIME_DIR", runtime)
        with keep_warm(name="", folder=str(folders), modules=MODULES) as kept:
            yield
            assert not kept.is_over


@pytest.fixture(scope="module")
def warm(folders: Path, warmth: None) -> Iterator[Kernels]:
    """Kernels forked off zygotes that were warm before."""
    with Kernels(name="", folder=str(folders), modules=MODULES, notice=pytest.fail) as kernels:
        yield kernels


@pytest.fixture(scope="module")
def warm_bare(folders: Path, warmth: None) -> Iterator[Kernels]:
    """The same where nothing has been imported for the notebook."""
    with Kernels(name="", folder=str(folders), notice=pytest.fail) as kernels:
        yield kernels


@pytest.mark.parametrize("case", CASES)
def test_a_forked_kernel_shows_and_leaves_what_a_cold_one_does(
    case: str,
    forking: Kernels,
    forking_bare: Kernels,
    warm: Kernels,
    warm_bare: Kernels,
    starting: Kernels,
    tmp_path: Path,
) -> None:
    is_bare = case in NOTHING_IMPORTED
    forked = shown_and_left(forking_bare if is_bare else forking, tmp_path / "a", CASES[case])
    kept = shown_and_left(warm_bare if is_bare else warm, tmp_path / "c", CASES[case])
    cold = shown_and_left(starting, tmp_path / "b", CASES[case])
    for cell in cold:
        assert forked[cell] == cold[cell], cell
        assert kept[cell] == cold[cell], cell


def test_kernels_draw_what_they_like_until_they_are_seeded(
    forking: Kernels, tmp_path: Path
) -> None:
    draw = "import random, numpy, uuid\nrandom.random(), numpy.random.rand(), uuid.uuid4()"
    drawn = [shown_and_left(forking, tmp_path / str(n), (draw,))[draw] for n in range(2)]
    first, second = (one[0]["data"]["text/plain"].strip("()").split(", ") for one in drawn)
    assert not set(first) & set(second)


def test_most_modules_stand_it(forking: Kernels, tmp_path: Path) -> None:
    """The rest asks for IPython or starts a thread; its cells import it themselves."""
    names = (
        "pandas",
        "matplotlib.pyplot",
        "sklearn",
        "seaborn",
        "ipywidgets",
        "tqdm.auto",
        "polars",
    )
    ask = f"import sys\nfor name in {names}: print(name, name in sys.modules)"
    [shown] = shown_and_left(forking, tmp_path / "modules", (ask,))[ask]
    assert dict(line.split() for line in shown["text"].splitlines()) == {
        **dict.fromkeys(names, "True"),
        "tqdm.auto": "False",
        "polars": "False",
    }
