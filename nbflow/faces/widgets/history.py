"""`nbflow.runs()`: the latest runs of a notebook, or of all notebooks of a project."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nbflow.core.run import Run, Status
from nbflow.faces import text
from nbflow.faces.live import mark_of_status
from nbflow.faces.widgets import here
from nbflow.faces.widgets.living import Look, Told, show_living

if TYPE_CHECKING:
    from nbflow.project import Project

_HEADS: Final = ("", "run", "notebook", "started", "took", "steps", "parameters")
_COLOURS: Final[Mapping[Status, str]] = {
    Status.SUCCEEDED: "var(--jp-success-color1,#1a7f37)",
    Status.FAILED: "var(--jp-error-color1,#cf222e)",
    Status.LOST: "var(--jp-error-color1,#cf222e)",
    Status.RUNNING: "var(--jp-brand-color1,#0969da)",
    Status.WAITING: "var(--jp-warn-color1,#bf8700)",
}
_CELL: Final = "text-align:left;padding:2px 12px 2px 0;white-space:nowrap;vertical-align:top"
_BAR: Final = "background:var(--jp-brand-color2,#80b3e6);height:6px;border-radius:3px;min-width:1px"


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """The runs to show; each picture asks the ledger anew."""

    project: "Project"
    notebook: str | None
    limit: int

    def draw(self, told: Iterable[Told]) -> Look:
        """The table as it is now."""
        del told
        found = self.project.runs(limit=self.limit, notebook=self.notebook)
        counts = self.project.counts(found)
        return Look(
            html=_table(found, counts),
            text="\n".join(_line(run, counts.get(run.id, {})) for run in found) or "no runs yet",
            live=any(not run.status.ended for run in found),
        )


def _table(runs: Sequence[Run], counts: Mapping[str, Mapping[str, int]]) -> str:
    longest = max((run.seconds or 0.0 for run in runs), default=0.0)
    head = "".join(f'<th style="{_CELL}">{escape(each)}</th>' for each in _HEADS)
    rows = "".join(_row(run, counts.get(run.id, {}), longest) for run in runs)
    empty = "" if runs else f'<tr><td colspan="{len(_HEADS)}">no runs yet</td></tr>'
    return (
        '<table class="nbflow-runs" style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}{empty}</tbody></table>"
    )


def _row(run: Run, counts: Mapping[str, int], longest: float) -> str:
    sign, _ = mark_of_status(run.status)
    colour = _COLOURS.get(run.status, "inherit")
    width = 0 if not longest else round(80 * (run.seconds or 0.0) / longest)
    bar = f'<div style="{_BAR};width:{width}px"></div>' if run.seconds else ""
    cells = (
        f'<span style="color:{colour}">{sign} {run.status.value}</span>',
        _text(text.short_id(run.id)),
        _text(run.notebook),
        _text(text.local_time(run.started)),
        _text(text.duration(run.seconds)) + bar,
        _text(_steps(counts)),
        _text(_parameters(run)),
    )
    said = f' title="{_text(run.message)}"' if run.message else ""
    return f"<tr{said}>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _line(run: Run, counts: Mapping[str, int]) -> str:
    sign, _ = mark_of_status(run.status)
    facts = (text.local_time(run.started), text.duration(run.seconds), _steps(counts))
    told = "  ".join(filter(None, (text.short_id(run.id), text.visible(run.notebook), *facts)))
    return f"{sign} {run.status.value}  {told}"


def _steps(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in counts.items())


def _parameters(run: Run) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in run.parameters.items())


def _text(words: str | None) -> str:
    return escape(text.one_line(words or "", 120))


def runs(notebook: str | Path | None = None, *, limit: int = 20) -> None:
    """Show the latest runs of a notebook, live while one goes on; without a name, of all notebooks
    of the project that this folder belongs to.

    Raises:
        NotFound: there is no such file.
    """
    if notebook is None:
        from nbflow.project import Project  # it brings all that a run needs

        history = _History(project=Project.find(), notebook=None, limit=limit)
    else:
        project, path = here.find(notebook)
        history = _History(project=project, notebook=project.layout.relative(path), limit=limit)
    show_living(history.project, history.draw)
