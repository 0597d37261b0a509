"""The door of the command line: the front page is answered here, the rest by `commands.py`.

click alone takes three times as long to import as Python takes to start. So the page that
`nbflow --help` prints is kept here as click makes it (a test compares the two), and nothing is
imported until a command is named.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbflow.faces.session import Find

_ASKS_FOR_PAGE = ((), ("-h",), ("--help",))
_COLUMNS = 80
"""click fills no more; a narrower window gets the page from click, which wraps it."""

PAGE = """\
Usage: nbflow [OPTIONS] [COMMAND] [ARGS]...

  Run ordinary Jupyter notebooks as workflows: in parallel where that is safe,
  only what changed, and always with the result that Run All gives.

    nbflow demo                   see it work
    nbflow show analysis.ipynb    what needs what
    nbflow run analysis.ipynb     run it

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Run a notebook:
  run     Run a notebook: what changed, and what needs it.
  resume  Run what failed or is missing in a run, with the same...
  cancel  Stop a run; what it has finished stays.

Understand it first:
  show    Show which step needs what; nothing is run.
  check   Say what is wrong or doubtful in notebooks, or in all...
  plan    Say what a run would do, and why; nothing is run.
  verify  Run both ways on copies, Run All and workflow, and compare.

Look at what happened:
  runs    List the runs of this project, newest first.
  status  Show how a run stands (the latest, if none is named).
  logs    Print what a run's steps wrote.
  get     Print or save a value that a run made.
  why     Say why a step ran, was reused, or was skipped, down to...
  diff    Say what differs between two runs of a notebook.
  sql     Ask the tables of your runs in SQL.
  keep    Guard a run and its results from deletion, under a name.

Set up:
  init    Make this folder a project: write nbflow.toml.
  demo    Write a notebook of SQL and Python, and run it.
  doctor  Check that this machine and project are well.
  gc      Make room: remove stored results that nobody needs, or...
"""


def main(argv: "Sequence[str] | None" = None, find: "Find | None" = None) -> int:
    """Carry out one command line; returns the exit code."""
    words = tuple(sys.argv[1:] if argv is None else argv)
    if words in _ASKS_FOR_PAGE and _columns() >= _COLUMNS:
        print(PAGE, end="")  # noqa: T201 - the screen brings what this door does without
        return 0
    _spare_import()
    from nbflow.faces.commands import perform

    return perform(words, find)


def _spare_import() -> None:
    """JupyterLab brings rfc3987_syntax, which takes as long to import as a run of a hundred reused
    steps takes. jsonschema asks for it, does without it, and no notebook's schema needs it."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _columns() -> int:
    """How wide the window is, as `shutil.get_terminal_size` tells it."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(1).columns or _COLUMNS
    except OSError:
        return _COLUMNS  # no terminal


if __name__ == "__main__":
    sys.exit(main())
