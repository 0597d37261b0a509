"""The commands: parse, call one verb of the project, print. No decision is made here.

Each command returns its exit code; exceptions are translated once, in `perform`. Rich, the project
and all that it needs are imported only by the command that uses them.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from nbflow.core.choices import Choices
from nbflow.core.errors import NbflowError
from nbflow.core.graph import Graph
from nbflow.core.run import Event, Run
from nbflow.faces import checking, given, options, outcome, running, text, wire
from nbflow.faces.screen import Screen
from nbflow.faces.session import Find, Session

if TYPE_CHECKING:
    from nbflow.project import Project

_SECTIONS: Final = (
    ("Run a notebook", ("run", "resume", "cancel")),
    ("Understand it first", ("show", "check", "plan", "verify")),
    ("Look at what happened", ("runs", "status", "logs", "get", "why", "diff", "sql", "keep")),
    ("Set up", ("init", "demo", "doctor", "gc")),
)
_MOST_ROWS_ON_A_TERMINAL: Final = 100


class _Sections(click.Group):
    """Help that groups the commands by what one wants to do."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        for title, names in _SECTIONS:
            rows = [(name, self.commands[name].get_short_help_str(60)) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(
    cls=_Sections,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="nbflow", message="nbflow %(version)s")
@click.pass_context
def nbflow(context: click.Context) -> int:
    """Run ordinary Jupyter notebooks as workflows: in parallel where that is safe, only what
    changed, and always with the result that Run All gives.

    \b
      nbflow demo                   see it work
      nbflow show analysis.ipynb    what needs what
      nbflow run analysis.ipynb     run it
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return outcome.SUCCEEDED


# Run a notebook.


@nbflow.command(name="run")
@options.notebook
@options.parameters
@click.option("-o", "output", metavar="OUT.ipynb", help="Where the result notebook goes.")
@options.jobs
@options.selection
@options.as_json
@options.events
@click.pass_obj
def run_(
    session: Session,
    /,
    notebook: Path,
    pairs: tuple[tuple[str, str], ...],
    file: Path | None,
    output: str | None,
    jobs: int | None,
    events: bool,
    **choices: Any,
) -> int:
    """Run a notebook: what changed, and what needs it."""
    options.one_of(json=session.json, events=events)
    parameters = given.gather(pairs, file)
    project = session.project_of(notebook)
    chosen = Choices(**choices)

    def go(see: Callable[[Event], None]) -> Run:
        return project.run(
            notebook,
            parameters=parameters,
            choices=chosen,
            output=output,
            jobs=jobs,
            on_event=see,
            actor=session.actor,
        )

    def look() -> Graph:
        return project.inspect(notebook, actor=session.actor)

    work = running.Work(go=go, look=look, current=True, again=session.again)
    return running.carry_out(session, work, events=events)


@nbflow.command()
@options.run_ref
@click.option("--latest-code", is_flag=True, help="With the notebook as it is now.")
@options.jobs
@options.as_json
@options.events
@click.pass_obj
def resume(session: Session, /, run: str, latest_code: bool, jobs: int | None, events: bool) -> int:
    """Run what failed or is missing in a run, with the same parameters and code."""
    options.one_of(json=session.json, events=events)
    project = session.project()

    def go(see: Callable[[Event], None]) -> Run:
        return project.resume(
            run, latest_code=latest_code, jobs=jobs, on_event=see, actor=session.actor
        )

    def look() -> Graph | None:
        return _graph_of(session, project.status(run, actor=session.actor))

    work = running.Work(go=go, look=look, current=latest_code)
    return running.carry_out(session, work, events=events)


@nbflow.command(name="carry-out", hidden=True)
@options.run_ref
@options.jobs
@options.selection
@click.pass_obj
def carry_out(session: Session, /, run: str, jobs: int | None, **choices: Any) -> int:
    """Carry out a run that was queued: what `Project.start` starts as a process of its own."""
    project = session.project()
    chosen = Choices(**choices)

    def go(see: Callable[[Event], None]) -> Run:
        return project.carry_out(run, choices=chosen, jobs=jobs, on_event=see)

    work = running.Work(go=go, look=lambda: None, current=True)
    return running.carry_out(session, work, events=False)


def _graph_of(session: Session, /, run: Run) -> Graph | None:
    """The graph of a run's notebook as it is now; None where that cannot be read any more."""
    project = session.project()
    try:
        return project.inspect(project.root / run.notebook, actor=session.actor)
    except NbflowError:
        return None  # the run's own record is enough


@nbflow.command()
@options.run_ref
@options.as_json
@click.pass_obj
def cancel(session: Session, /, run: str) -> int:
    """Stop a run; what it has finished stays."""
    stopped = session.project().cancel(run, actor=session.actor)
    if session.json:
        session.document(wire.run(stopped))
    else:
        this = text.short_id(stopped.id)
        session.screen.say(
            f"run {this}: {stopped.status.value}", f"  go on  {session.prefix}nbflow resume {this}"
        )
    return outcome.SUCCEEDED


# Understand it first.


@nbflow.command()
@options.notebook
@options.as_json
@click.option("--mermaid", is_flag=True, help="Mermaid text.")
@click.option("--svg", is_flag=True, help="One self-contained picture.")
@click.option(
    "--why", nargs=2, metavar="STEP STEP", help="For which reasons one of two steps waits."
)
@click.pass_obj
def show(
    session: Session, /, notebook: Path, mermaid: bool, svg: bool, why: tuple[str, str] | None
) -> int:
    """Show which step needs what; nothing is run."""
    options.one_of(json=session.json, mermaid=mermaid, svg=svg)
    options.one_of(why=why is not None, mermaid=mermaid, svg=svg)
    if why is not None:
        return _show_why(session, notebook, why)
    graph = session.project_of(notebook).inspect(notebook, actor=session.actor)
    if session.json:
        session.document(wire.graph(graph))
    elif mermaid or svg:
        from nbflow.faces import drawing

        session.screen.data(drawing.svg(graph) if svg else drawing.mermaid(graph))
    else:
        _show_graph(session.screen, graph)
    return outcome.SUCCEEDED


def _show_why(session: Session, notebook: Path, steps: tuple[str, str]) -> int:
    from nbflow.faces.waits import why_document, why_lines

    found = session.project_of(notebook).between(notebook, *steps, actor=session.actor)
    if session.json:
        session.document(why_document(*found))
    else:
        session.screen.say(*why_lines(*found))
    return outcome.SUCCEEDED


def _show_graph(screen: Screen, graph: Graph) -> None:
    from nbflow.faces.show import graph_lines

    screen.say(running.heading(graph), "", *graph_lines(graph, screen.width))
    for reason in graph.one_lane:
        screen.say("", f"runs in one lane: {text.visible(reason)}")
    for each in graph.diagnostics:
        screen.say("", running.coloured(text.diagnostic_text(each, graph.notebook)))


@nbflow.command()
@click.argument(
    "notebooks", metavar="NOTEBOOK...", nargs=-1, type=click.Path(exists=True, path_type=Path)
)
@click.option("--select", multiple=True, metavar="CODES", help="Only these findings.")
@click.option("--ignore", multiple=True, metavar="CODES", help="Not these findings.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--format", "form", type=click.Choice(checking.FORMS), help="How to print them.")
@click.option("--explain", metavar="CODE", help="Print the page of a code.")
@options.as_json
@click.pass_context
def check(
    context: click.Context,
    notebooks: tuple[Path, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    strict: bool,
    form: checking.Form | None,
    explain: str | None,
) -> int:
    """Say what is wrong or doubtful in notebooks, or in all notebooks of folders."""
    session = cast(Session, context.obj)
    options.one_of(**{"json": session.json, f"format {form}": form not in (None, "json")})
    session.json = session.json or form == "json"
    if explain is not None:
        checking.explain(session, explain)
        return outcome.SUCCEEDED
    if not notebooks:
        raise click.MissingParameter(ctx=context, param=context.command.params[0])
    is_wanted = checking.wanted(select, ignore)
    checked = checking.check_all(session, checking.notebooks_in(notebooks), is_wanted)
    checking.show(session, checked, "json" if session.json else form or "text")
    return outcome.UNUSABLE if checking.fails(checked, strict=strict) else outcome.SUCCEEDED


@nbflow.command()
@options.notebook
@options.parameters
@options.selection
@options.as_json
@click.pass_obj
def plan(
    session: Session,
    /,
    notebook: Path,
    pairs: tuple[tuple[str, str], ...],
    file: Path | None,
    **choices: Any,
) -> int:
    """Say what a run would do, and why; nothing is run."""
    made = session.project_of(notebook).plan(
        notebook,
        parameters=given.gather(pairs, file),
        choices=Choices(**choices),
        actor=session.actor,
    )
    if session.json:
        session.document(wire.plan(made))
    else:
        from nbflow.faces.show import plan_lines

        session.screen.say(*plan_lines(made, session.screen.width))
    return outcome.SUCCEEDED


@nbflow.command()
@options.notebook
@options.parameters
@options.as_json
@click.pass_obj
def verify(
    session: Session, /, notebook: Path, pairs: tuple[tuple[str, str], ...], file: Path | None
) -> int:
    """Run both ways on copies, Run All and workflow, and compare."""
    answer = session.project_of(notebook).verify(
        notebook, parameters=given.gather(pairs, file), actor=session.actor
    )
    if session.json:
        session.document(wire.verification(answer))
    else:
        from nbflow.faces.show import verification_lines

        session.screen.say(*verification_lines(answer))
    if answer.refused:
        return outcome.UNUSABLE
    return outcome.SUCCEEDED if answer.equal else outcome.FAILED


# Look at what happened.


@nbflow.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N")
@options.as_json
@click.pass_obj
def runs(session: Session, /, limit: int) -> int:
    """List the runs of this project, newest first."""
    found = session.project().runs(limit=limit, actor=session.actor)
    if session.json:
        session.document(wire.runs(found))
    else:
        from nbflow.faces.show import runs_lines

        session.screen.say(*runs_lines(found, session.screen.width))
    return outcome.SUCCEEDED


@nbflow.command()
@options.run_ref
@click.option("--label", default="", metavar="TEXT", help="What to call it.")
@click.option("--release", is_flag=True, help="Let go of it again.")
@options.as_json
@click.pass_obj
def keep(session: Session, /, run: str, label: str, release: bool) -> int:
    """Guard a run and its results from deletion, under a name."""
    options.one_of(label=bool(label), release=release)
    found = session.project().keep(run, kept=not release, label=label, actor=session.actor)
    if session.json:
        session.document(wire.run(found))
    else:
        from nbflow.faces.show import runs_lines

        session.screen.say(*runs_lines([found], session.screen.width))
    return outcome.SUCCEEDED


@nbflow.command()
@click.argument("run", type=options.RunRef(), default="latest")
@options.as_json
@click.pass_obj
def status(session: Session, /, run: str) -> int:
    """Show how a run stands (the latest, if none is named)."""
    found = session.project().status(run, actor=session.actor)
    if session.json:
        session.document(wire.run(found))
        return outcome.SUCCEEDED
    from nbflow.faces.live import tree_of

    screen, graph = session.screen, _graph_of(session, found)
    screen.say(f"run {found.id}  {text.visible(found.notebook)}  {text.local_time(found.started)}")
    screen.say("", *tree_of(screen, graph, found, datetime.now(UTC)))
    running.last_lines(session, found, graph)
    return outcome.SUCCEEDED


@nbflow.command()
@options.run_ref
@click.argument("step", required=False)
@click.option("--follow", is_flag=True, help="Go on until the run ends.")
@options.as_json
@click.pass_obj
def logs(session: Session, /, run: str, step: str | None, follow: bool) -> int:
    """Print what a run's steps wrote."""
    options.one_of(json=session.json, follow=follow)
    lines = session.project().logs(run, step, follow=follow, actor=session.actor)
    if session.json:
        kept = [line.rstrip("\n") for line in lines]
        session.document({"run": run, "step": step, "lines": kept})
        return outcome.SUCCEEDED
    _print_log(session.screen, lines)
    return outcome.SUCCEEDED


def _print_log(screen: Screen, lines: Iterable[str]) -> None:
    """A pipe gets the bytes; a terminal is protected from what would repaint it."""
    for line in lines:
        if screen.terminal:
            screen.say(text.visible(line.rstrip("\n").rsplit("\r", 1)[-1]))
        else:
            screen.data(line.rstrip("\n") + "\n")


@nbflow.command()
@options.run_ref
@click.argument("name")
@click.option("-o", "output", type=click.Path(path_type=Path), help="Write it to this file.")
@options.as_json
@click.pass_obj
def get(session: Session, /, run: str, name: str, output: Path | None) -> int:
    """Print or save a value that a run made."""
    value = session.project().get(run, name, output=output, actor=session.actor)
    if session.json:
        session.document({"run": run, "name": name, "text": value.text, "path": value.path})
    elif value.path is not None:
        session.screen.say(f"{text.visible(name)} is in {text.visible(str(value.path))}")
    elif session.screen.terminal:
        session.screen.say(text.visible(value.text or ""))
    else:
        session.screen.data((value.text or "") + "\n")
    return outcome.SUCCEEDED


@nbflow.command()
@options.run_ref
@click.argument("step")
@options.as_json
@click.pass_obj
def why(session: Session, /, run: str, step: str) -> int:
    """Say why a step ran, was reused, or was skipped, down to the first cause."""
    answer = session.project().why(run, step, actor=session.actor)
    if session.json:
        session.document(wire.why(answer))
    else:
        session.screen.say(*(text.visible(line) for line in answer.lines))
    return outcome.SUCCEEDED


@nbflow.command()
@click.argument("before", metavar="RUN", type=options.RunRef())
@click.argument("after", metavar="RUN", type=options.RunRef())
@options.as_json
@click.pass_obj
def diff(session: Session, /, before: str, after: str) -> int:
    """Say what differs between two runs of a notebook."""
    answer = session.project().diff(before, after, actor=session.actor)
    if session.json:
        session.document(wire.difference(answer))
    else:
        from nbflow.faces.show import difference_lines

        session.screen.say(*difference_lines(answer))
    return outcome.SUCCEEDED


@nbflow.command()
@click.argument("query")
@click.option("--run", "run", type=options.RunRef(), help="The tables of this run.")
@click.option("--csv", is_flag=True, help="Comma-separated text.")
@options.as_json
@click.pass_obj
def sql(session: Session, /, query: str, run: str | None, csv: bool) -> int:
    """Ask the tables of your runs in SQL."""
    options.one_of(json=session.json, csv=csv)
    answer = session.project().sql(query, run=run, actor=session.actor)
    if session.json:
        session.document({"columns": list(answer.columns), "rows": answer.rows})
        return outcome.SUCCEEDED
    from nbflow.faces import grid

    if csv:
        session.screen.data(grid.csv_text(answer.columns, answer.rows))
        return outcome.SUCCEEDED
    limit = _MOST_ROWS_ON_A_TERMINAL if session.screen.terminal else None
    session.screen.say(*grid.table(answer.columns, answer.rows, limit))
    return outcome.SUCCEEDED


# Set up.


@nbflow.command()
@options.as_json
@click.pass_obj
def init(session: Session) -> int:
    """Make this folder a project: write nbflow.toml."""
    made = session.project().init(actor=session.actor)
    if session.json:
        session.document({"created": [str(path) for path in made]})
    else:
        session.screen.say(*(f"✓ {path}" for path in made) if made else ("all is there already",))
    return outcome.SUCCEEDED


@nbflow.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="nbflow-demo")
@options.as_json
@options.events
@click.pass_context
def demo(context: click.Context, folder: Path, events: bool) -> int:
    """Write a notebook of SQL and Python, and run it."""
    session = cast(Session, context.obj)
    options.one_of(json=session.json, events=events)
    notebook = session.project().demo(folder, actor=session.actor)
    session.argv = ("run", str(notebook))
    if not (session.json or events):
        session.screen.say(f"wrote {text.visible(str(notebook))}", "")
    return int(context.invoke(run_, notebook=notebook, events=events))


@nbflow.command()
@click.option("--max-size", type=options.Size(), metavar="SIZE", help="Leave at most this much.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@options.as_json
@click.pass_obj
def gc(session: Session, /, max_size: int | None, dry_run: bool) -> int:
    """Make room: remove stored results that nobody needs, or that are cheapest to make again."""
    done = session.project().gc(max_bytes=max_size, dry_run=dry_run, actor=session.actor)
    if session.json:
        session.document(wire.cleaned(done, dry_run=dry_run))
    else:
        from nbflow.faces.show import cleaned_lines

        session.screen.say(*cleaned_lines(done, dry_run=dry_run))
    return outcome.SUCCEEDED


@nbflow.command()
@options.as_json
@click.pass_obj
def doctor(session: Session) -> int:
    """Check that this machine and project are well."""
    found = session.project().doctor(actor=session.actor)
    if session.json:
        session.document(wire.health(found))
    else:
        from nbflow.faces.show import health_lines

        session.screen.say(*health_lines(found))
    return outcome.SUCCEEDED if all(each.ok for each in found) else outcome.ENVIRONMENT


# The one door.


def _find(start: Path | None) -> "Project":
    from nbflow.project import Project

    return Project.find(start)


def perform(words: tuple[str, ...], find: Find | None = None) -> int:
    """Carry out one command line; returns the exit code."""
    session = Session(find=find or _find, screen=Screen(), argv=words)
    try:
        with outcome.listening(session.signals):
            return _invoke(session, words)
    except KeyboardInterrupt:
        session.screen.warn(f"stopped{session.way_on}")
        return session.signals.exit_code or 130
    except Exception as error:
        return _tell(session, error)


def _invoke(session: Session, /, words: tuple[str, ...]) -> int:
    try:
        with nbflow.make_context("nbflow", list(words), obj=session) as context:
            return int(nbflow.invoke(context))
    except click.exceptions.Exit as done:  # --help, --version
        return done.exit_code
    except click.UsageError:
        session.json = session.json or "--json" in words  # parsing stopped before it saw the flag
        raise


def _tell(session: Session, /, error: Exception) -> int:
    said = outcome.trouble(error, session.root)
    session.screen.warn(outcome.trouble_text(error, said, session.notebook))
    if session.json:
        session.document(wire.failure(said.code, error, said.message, said.hint))
    return said.exit_code
