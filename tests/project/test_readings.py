"""SQL is read once on a machine: a second process looks it up, and imports no parser."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat

SHOW = """
import sys
from nbflow.faces.cli import main
main(["show", "n.ipynb", "--json"])
print(sorted({"duckdb", "sqlglot"} & sys.modules.keys()), file=sys.stderr)
"""


def show(folder: Path, cache: Path) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "HOME": str(cache)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout, done.stderr.splitlines()[-1]


def test_the_second_look_needs_no_parser_and_sees_the_same(tmp_path: Path) -> None:
    node = nbformat.v4.new_notebook()
    node.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    sources = ("%%sql daily\nSELECT * FROM 'sales.csv'", "%%sql\nFROM daily", "print(len(daily))")
    node.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(node, tmp_path / "n.ipynb")
    first = show(tmp_path, tmp_path / "cache")
    second = show(tmp_path, tmp_path / "cache")
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("['duckdb', 'sqlglot']", "[]")
