"""Arguments and options that several commands take."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from nbflow.faces import text
from nbflow.faces.session import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])


def notebook(command: _Command) -> _Command:
    """NOTEBOOK: a file that is there."""
    kind = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.argument("notebook", type=kind)(command)


def as_json(command: _Command) -> _Command:
    """`--json`, noted in the session, because failures must know it too."""

    def note(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        cast(Session, context.obj).json = wanted

    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=note,
        is_eager=True,
        help="One JSON document on stdout.",
    )(command)


class RunRef(click.ParamType[str]):
    """A run as people name it: its id, the beginning of it, or `latest`."""

    name = "run"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        ref = str(value).lower()
        if ref == "latest" or (0 < len(ref) <= 36 and set(ref) <= set("0123456789abcdef-")):
            return ref
        shown = text.one_line(ref, 60)
        raise click.BadParameter(
            f"{shown!r} is no run: give an id of `nbflow runs`, or latest", ctx=ctx, param=param
        )


class Size(click.ParamType[int]):
    """Bytes as people write them: `20GB`, `500MB`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from nbflow.project.config import parse_size

        return parse_size(str(value))


def run_ref(command: _Command) -> _Command:
    """RUN."""
    return click.argument("run", type=RunRef())(command)


def parameters(command: _Command) -> _Command:
    """`-p` and `-f`, as `pairs` and `file`."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    options = (
        click.option(
            "-p",
            "pairs",
            nargs=2,
            multiple=True,
            metavar="NAME VALUE",
            help="Set a parameter of the notebook. Repeatable.",
        ),
        click.option("-f", "file", type=file, help="Parameters in a YAML file; -p wins."),
    )
    return _with(options, command)


def selection(command: _Command) -> _Command:
    """The options that make a `Choices`, under its field names."""
    options = (
        click.option("--force", is_flag=True, help="Run every step, reuse nothing."),
        click.option(
            "--force-step",
            "force_steps",
            multiple=True,
            metavar="NAME",
            help="Run this step again.",
        ),
        click.option("--until", multiple=True, metavar="NAME", help="This step and what it needs."),
        click.option(
            "--from", "from_", multiple=True, metavar="NAME", help="This step and what needs it."
        ),
        click.option(
            "--only", multiple=True, metavar="NAME", help="Just this step, on former results."
        ),
        click.option("--one-lane", is_flag=True, help="All steps in one kernel, as Run All."),
        click.option("--executor", metavar="NAME", help="Where steps run."),
    )
    return _with(options, command)


def _with(options: Sequence[Callable[[Any], Any]], command: _Command) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


jobs = click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="At most N steps at once."
)
events = click.option("--events", is_flag=True, help="Every event as a JSON line, as it happens.")


def one_of(**flags: bool) -> None:
    """Refuse flags that contradict each other."""
    wanted = [f"--{name}" for name, wanted in flags.items() if wanted]
    if len(wanted) > 1:
        raise click.UsageError(f"{' and '.join(wanted)} exclude each other")
