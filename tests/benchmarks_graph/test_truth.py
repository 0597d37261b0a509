"""The graph benchmark finds the truth about a notebook whose edges are known."""

import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import v4, write

ROOT = Path(__file__).resolve().parents[2]
CELLS = (
    "items = []\nlimit = 1",
    "def add(one):\n    items.append(one * limit)",
    "limit = 2",
    "add(4)",
    "print(items)",
    "other = 5",
    "open('a.txt', 'w').write('x')",
    "print(open('a.txt').read(), other)",
)
TRUTH = [set(), set(), set(), {0, 1, 2}, {0, 1, 2, 3}, set(), set(), {5, 6}]
ASK = """
import sys
from pathlib import Path
from benchmarks.graph import notebooks, trace
truth = trace.find_truth(notebooks.read(Path(sys.argv[1]), "t"), seconds=120)
assert not truth.error and not truth.unscored and not truth.unverified, truth
print([sorted(each) for each in truth.ancestors()])
"""


@pytest.mark.slow
def test_the_truth_holds_what_functions_read_mutations_late_globals_and_files(
    tmp_path: Path,
) -> None:
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in CELLS])
    write(notebook, tmp_path / "t.ipynb")
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path / "t.ipynb")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([sorted(each) for each in TRUTH])
