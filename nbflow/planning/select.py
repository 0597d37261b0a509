"""Which steps a run is about: `--until`, `--from`, `--only`."""

from difflib import get_close_matches

from nbflow.core.choices import Choices
from nbflow.core.errors import UsageError
from nbflow.core.graph import Graph
from nbflow.core.step import Step, StepId


def selected(graph: Graph, choices: Choices) -> frozenset[StepId]:
    """The steps to bring up to date; all of them if nothing was chosen.

    Raises:
        UsageError: a name that is no step.
    """
    every = frozenset(step.id for step in graph.steps)
    if not (choices.until or choices.from_ or choices.only):
        return every
    wanted = _named(graph, choices.only)
    until = _named(graph, choices.until)
    wanted |= until | graph.ancestors(until)
    start = _named(graph, choices.from_)
    wanted |= start | graph.descendants(start)
    return wanted


def forced(graph: Graph, choices: Choices) -> frozenset[StepId]:
    """The steps that run whatever is stored.

    Raises:
        UsageError: a name that is no step.
    """
    if choices.force:
        return frozenset(step.id for step in graph.steps)
    return _named(graph, (*choices.force_steps, *choices.only))


def step_named(graph: Graph, name: str) -> Step:
    """The step of that name.

    Raises:
        UsageError: there is none.
    """
    (found,) = _named(graph, (name,))
    return graph.step(found)


def _named(graph: Graph, names: tuple[str, ...]) -> frozenset[StepId]:
    known = {str(step.name): step.id for step in graph.steps}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise UsageError(
                f"there is no step `{name}` in {graph.notebook}",
                hint=f"did you mean `{near[0]}`?" if near else f"steps are: {', '.join(known)}",
            )
    return frozenset(known[name] for name in names)
