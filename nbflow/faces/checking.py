"""`nbflow check`: which notebooks, which findings, in which form.

Four forms for four readers: text for people, JSON for scripts, SARIF for code hosts, workflow
commands for GitHub's pull requests. A line that holds a secret is never quoted.
"""

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.errors import NotebookError, UsageError
from nbflow.faces import pages, text, wire
from nbflow.faces.checked import Checked
from nbflow.faces.file_lines import FileLines, read_lines
from nbflow.faces.session import Session

if TYPE_CHECKING:
    from rich.text import Text

Form = Literal["text", "json", "sarif", "github"]
FORMS: Final[tuple[Form, ...]] = ("text", "json", "sarif", "github")

_NOT_ENTERED: Final = frozenset({"__pycache__", "node_modules", "site-packages"})
_LONGEST_QUOTE: Final = 160
_PAGE_WIDTH: Final = 100
_COLOURS: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.INFO: "bold cyan",
}
_GITHUB: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def notebooks_in(paths: Iterable[Path]) -> list[Path]:
    """The files as named, and the notebooks of folders; without checkpoints, hidden folders and
    virtual environments.

    Raises:
        UsageError: there is none.
    """
    named = list(paths)
    found = [notebook for path in named for notebook in _of(path)]
    if not found:
        shown = ", ".join(str(path) for path in named)
        raise UsageError(f"no notebooks in {shown}", hint="name notebooks, or folders with some")
    return list(dict.fromkeys(found))


def _of(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, files in os.walk(path):
        kept = (name for name in folders if not name.startswith(".") and name not in _NOT_ENTERED)
        folders[:] = sorted(name for name in kept if not Path(folder, name, "pyvenv.cfg").exists())
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".ipynb"))


def wanted(select: Sequence[str], ignore: Sequence[str]) -> Callable[[Diagnostic], bool]:
    """Which findings to report: `select` alone if there are any, never `ignore`. Each word may
    list codes with commas.

    Raises:
        UsageError: there is no such code.
    """
    chosen, left_out = (
        frozenset(pages.known(code.strip()) for word in words for code in word.split(","))
        for words in (select, ignore)
    )
    return lambda found: found.code not in left_out and (not chosen or found.code in chosen)


def check_all(
    session: Session, /, notebooks: Iterable[Path], is_wanted: Callable[[Diagnostic], bool]
) -> list[Checked]:
    """Check the notebooks one after the other."""
    checked = []
    for path in notebooks:
        found = tuple(each for each in _checked(session, path) if is_wanted(each))
        lines = read_lines(path) if found else FileLines()
        checked.append(Checked(path=str(path), found=found, lines=lines))
    return checked


def _checked(session: Session, /, notebook: Path) -> tuple[Diagnostic, ...]:
    """The findings; that a notebook cannot be read is one too, so the others are still checked."""
    try:
        return session.project_of(notebook).check(notebook, actor=session.actor)
    except NotebookError as error:
        unreadable = Diagnostic(
            code="notebook", severity=Severity.ERROR, message=error.message, hint=error.hint
        )
        found = error.diagnostics or (unreadable,)
        return tuple(replace(each, message=_without_path(each.message, notebook)) for each in found)


def _without_path(message: str, notebook: Path) -> str:
    """The file is named once, in front of every finding.

    >>> _without_path("a.ipynb: the file is empty", Path("a.ipynb"))
    'the file is empty'
    """
    return message.removeprefix(f"{notebook.absolute()}: ").removeprefix(f"{notebook}: ")


def fails(checked: Iterable[Checked], *, strict: bool) -> bool:
    """Whether a finding is an error; with `strict` a warning is one too."""
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(each.severity in bad for one in checked for each in one.found)


def show(session: Session, /, checked: Sequence[Checked], form: Form) -> None:
    """Print the findings."""
    match form:
        case "json":
            found = [(one.path, each) for one in checked for each in one.found]
            session.document(wire.checks(found))
        case "sarif":
            from nbflow.faces.sarif import document

            session.screen.data(document(checked))
        case "github":
            session.screen.data("".join(_github_lines(checked)))
        case "text":
            _show_text(session, checked)


def explain(session: Session, /, code: str) -> None:
    """Print the page of a code.

    Raises:
        UsageError: there is no such code.
    """
    page = pages.page(code)
    if session.json:
        session.document({"code": code, "text": page})
    elif session.screen.terminal:
        from rich.markdown import Markdown

        width = min(session.screen.width, _PAGE_WIDTH)
        session.screen.console.print(Markdown(page), width=width)
    else:
        session.screen.data(page)


# -- text ----------------------------------------------------------------------------------------


def _show_text(session: Session, /, checked: Sequence[Checked]) -> None:
    for one in checked:
        for each in one.found:
            session.screen.say(_finding(one, each), "")
    for one in checked:
        if one.found or len(checked) == 1:
            session.screen.say(f"{_mark(one)} {text.visible(one.path)}: {_counted(one.counts())}")
    if len(checked) > 1:
        total = {s: sum(one.counts()[s] for one in checked) for s in Severity}
        session.screen.say(f"{text.counted(len(checked), 'notebook')}: {_counted(total)}")


def _finding(one: Checked, found: Diagnostic) -> "Text":
    """One finding: where, what, the line itself, and the way out."""
    from rich.text import Text

    head = f"{found.severity.value}[{found.code}]"
    shown = Text.assemble(
        (f"{_where(one.path, found.place)}: ", "bold"),
        (head, _COLOURS[found.severity]),
        f" {text.visible(found.message)}",
    )
    for line in (*_quoted(one, found), *_others(found)):
        shown.append("\n").append(line, "dim")
    if found.hint:
        shown.append("\n").append_text(
            Text.assemble(("  hint: ", "bold cyan"), text.visible(found.hint))
        )
    if found.fix is not None:
        shown.append("\n").append_text(
            Text.assemble(("  fix: ", "bold green"), text.visible(text.fix_text(found.fix)))
        )
    return shown


def _where(path: str, place: Place) -> str:
    if place.cell_index is None:
        return text.visible(path)
    line = "" if place.line is None else f":{place.line}"
    return f"{text.visible(path)}:cell {place.cell_index + 1}{line}"


def _quoted(one: Checked, found: Diagnostic) -> Iterator[str]:
    source = one.quote(found.place)
    if source is None or len(source) > _LONGEST_QUOTE:
        return
    number = str(found.place.line)
    yield f"  {number} | {text.visible(source)}"
    caret = _caret(source, found.message)
    if caret:
        yield f"  {' ' * len(number)} | {caret}"


def _caret(source: str, message: str) -> str:
    """A line that points at the name of which the message speaks; empty where it is not there.

    >>> _caret("y = x + 1", "`x` is read here")
    '    ^'
    """
    name = message.split("`")[1] if message.count("`") > 1 else ""
    start = source.find(name)
    if not name or start < 0:
        return ""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in source[:start])
    indent = "".join("\t" if char == "\t" else " " for char in source[:start])
    return indent + " " * wide + "^" * len(name)


def _others(found: Diagnostic) -> Iterator[str]:
    places = [place for place in found.also if place.cell_index is not None]
    if places:
        shown = dict.fromkeys(text.place_text(place, "").strip() for place in places)
        yield f"  see also {', '.join(shown)}"


def _mark(one: Checked) -> str:
    return "✗" if one.counts()[Severity.ERROR] else "✓"


def _counted(counts: dict[Severity, int]) -> str:
    parts = [
        text.counted(number, severity.value, "infos" if severity is Severity.INFO else None)
        for severity, number in counts.items()
        if number
    ]
    return ", ".join(parts) or "nothing to mend"


# -- GitHub --------------------------------------------------------------------------------------


def _github_lines(checked: Iterable[Checked]) -> Iterator[str]:
    """Workflow commands: GitHub shows them at the lines of a pull request."""
    for one in checked:
        for each in one.found:
            line = one.lines.at(each.place) if each.place.cell_index is not None else None
            properties = {
                "file": Path(one.path).as_posix(),
                "line": str(line.number if line is not None else 1),
                "title": f"nbflow {each.code}",
            }
            listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
            place = text.place_text(each.place, "").strip()
            said = f"{place}: {each.message}" if place else each.message
            hint = f"\nhint: {each.hint}" if each.hint else ""
            yield f"::{_GITHUB[each.severity]} {listed}::{_data(said + hint)}\n"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
