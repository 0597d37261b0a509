"""What is imported before a fork: only what nobody can tell from an import in the cell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

UNFIT = {
    "prints": ("print('hello')", "its import prints or warns"),
    "writes past python": ("import os\nos.write(2, b'x')", "its import prints or warns"),
    "warns": ("import warnings\nwarnings.warn('careful')", "its import prints or warns"),
    "fails": ("1 / 0", "its import fails: ZeroDivisionError"),
    "leaves": ("import sys\nsys.exit(1)", "its import fails: SystemExit"),
    "asks for the shell": (
        "from IPython import get_ipython\nget_ipython()",
        "it looks for IPython",
    ),
    "asks by name": (
        "try:\n    get_ipython()\nexcept NameError:\n    pass",
        "it looks for IPython",
    ),
    "starts a thread": (
        "from threading import Timer\nt = Timer(600, print)\nt.daemon = True\nt.start()",
        "it changes threads",
    ),
    "starts a process": (
        "import subprocess\np = subprocess.Popen(['sleep', '600'])",
        "it changes child processes",
    ),
    "takes a signal": (
        "import signal\nsignal.signal(signal.SIGUSR1, print)",
        "it changes signal handlers",
    ),
    "changes a hook": ("import sys\nsys.excepthook = print", "it changes hooks"),
    "changes pandas' settings": (
        "import pandas\npandas.set_option('display.max_rows', 7)",
        "it changes @pandas.options",
    ),
    "changes the folder": ("import os\nos.chdir('/')", "it changes @cwd"),
    "changes the variables": ("import os\nos.environ['NBFLOW_X'] = '1'", "it changes @environ"),
    "changes the root logger": ("import logging\nlogging.basicConfig()", "it changes root"),
}
FIT = {
    "nothing": "",
    "constants and functions": "X = [1]\ndef f(): pass",
    "other modules": "import json, sqlite3, pandas",
    "draws": "import random\nrandom.random()",
    "its own logger": "import logging\nlogging.getLogger(__name__).setLevel('ERROR')",
    "an exit handler": "import atexit\natexit.register(lambda: None)",
    "a filter for its own warnings": (
        "import warnings\nwarnings.filterwarnings('ignore', module='tried')"
    ),
}

SCRIPT = """
import json, os, sys
import nbflow.faces.lane
from nbflow.lanes import preload as module
module._is_fit_by_name = lambda wanted, folder: True
sys.path.insert(0, os.getcwd())
told = os.path.abspath("found.json")
found = module.preload(["tried"], folder=os.getcwd(), face="nbflow.faces.lane")
open(told, "w").write(json.dumps(found))
os._exit(0)
"""


def tried(folder: Path, source: str) -> dict[str, str] | None:
    """What the zygote says about a module of that source."""
    (folder / "tried.py").write_text(source)
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=folder, check=True, timeout=120)
    found: dict[str, str] | None = json.loads((folder / "found.json").read_text())
    return found


@pytest.mark.parametrize("case", UNFIT)
def test_a_module_whose_import_shows_is_left_to_the_cells(case: str, tmp_path: Path) -> None:
    source, why = UNFIT[case]
    assert tried(tmp_path, source) == {"module": "tried", "why": why}


@pytest.mark.parametrize("case", FIT)
def test_a_module_whose_import_nobody_can_tell_is_fit(case: str, tmp_path: Path) -> None:
    assert tried(tmp_path, FIT[case]) is None
