"""Steps: the units that run, fail, are retried and are cached; and the parameters they read."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, NewType

from nbflow.core.names import Name
from nbflow.core.notebook import CellId

StepId = NewType("StepId", str)
"""The ids of the step's cells joined with `+`; it outlives a change of label."""

StepName = NewType("StepName", str)
"""Unique in its notebook; commands, tags, edges and tasks use it."""

DEFAULT_TIMEOUT_SECONDS = 6 * 3600.0
"""Never infinite: an endless loop must not hold a morning's run for ever."""


class CheckMode(StrEnum):
    """What a failing data check does."""

    STOP = "stop"
    WARN = "warn"
    SCHEMA = "schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """`cache:` as the author wrote it; `seconds` only with mode `duration`."""

    mode: Literal["never", "always", "duration"]
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOptions:
    """What tags ask of a step. Durations are seconds."""

    retries: int = 0
    backoff: float = 0.0
    timeout: float = DEFAULT_TIMEOUT_SECONDS
    after: tuple[str, ...] = ()
    check: CheckMode | None = None
    cache: CachePolicy | None = None
    raises_exception: tuple[CellId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTags:
    """What the tags of one cell say, parsed.

    `parameters` and `injected` are papermill's two cells; `setup` is replayed in every lane; `skip`
    is not part of the workflow; `step` is the name that groups cells into one step.
    """

    parameters: bool = False
    injected: bool = False
    setup: bool = False
    skip: bool = False
    step: str | None = None
    raises_exception: bool = False
    options: StepOptions = field(default_factory=StepOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Between which numbers a value has to lie, in the words of `annotated_types`: at least `ge`,
    more than `gt`, at most `le`, less than `lt`.

    >>> str(Bounds(ge=0, lt=1)), Bounds(ge=0, lt=1).hold(1)
    ('at least 0, less than 1', False)
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def hold(self, value: float) -> bool:
        """Whether the value lies between them; what is no number (nan) does not."""
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )

    def __str__(self) -> str:
        words = (
            ("at least", self.ge),
            ("more than", self.gt),
            ("at most", self.le),
            ("less than", self.lt),
        )
        return ", ".join(f"{word} {limit}" for word, limit in words if limit is not None)


UNBOUND: Final = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of the notebook.

    `type` is one of int, float, bool, str, date, datetime, list, dict, any. `default` is the
    literal's value (JSON-able; dates as ISO text), None with `required` True where only an
    annotation stands. `choices` come from `Literal[...]`, `bounds` from `Annotated[...]`, `help`
    from the trailing comment. `path`: it is a `Path`; its values are given as text.
    """

    name: str
    type: str
    default: Any = None
    required: bool = False
    help: str | None = None
    choices: tuple[Any, ...] = ()
    cell: CellId | None = None
    line: int | None = None
    optional: bool = False
    bounds: Bounds = UNBOUND
    path: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A piece of source that lanes replay silently before a step: a definition, or a setup cell.

    below: the `PLACES` that steps above it had set. They are restored before it, and not before
    what stands above them.
    """

    cell: CellId
    cell_index: int
    line: int
    source: str
    names: tuple[Name, ...] = ()
    below: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A version that a step needs: `name` as `writer` left it (a step's id)."""

    name: Name
    writer: StepId
    certainty: Literal["sure", "may", "learned"] = "sure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step, with everything that links it to the others already resolved.

    inputs: variables and ambient channels to load before it runs, each with its writer.
    outputs: names to capture after it ran: everything it may have written that a later step reads
    or
        that is final, ambient channels included.
    optional_outputs: those of the outputs that no step reads; kept only if that costs little.
    declared_writes: every name it is expected to write (sure, may, learned); what it changes beyond
        these is a found mutation. may_writes: those of them that it perhaps never changes: calls
        whose effect is not known. may_reads: settings that it perhaps never looks at. unasked:
        ambient channels that steps above have set, and which it is not expected to look at; it is
        watched that it does not. spared: names that it might change by its text, though runs have
        shown that it does not; it is watched that this stays so, even where it hands them on,
        because others share with them. together: groups of names that may share objects when it has
        ended, as far as that is known; unseen: those of the groups of which no step below can see
        that they share. passes: names that it binds on some path only, and whose
        earlier values nobody needs: where it does not bind them, it leaves nothing.
    defines: functions, classes and imports of its own cells that other lanes replay; values refer
        to them by name.
    shown_calls: cells that show what a library's function gives, with its dotted name; who gave
        nothing after all was called for what it does to its library.
    python_reads: the inputs that Python code reads; a table beyond these is only attached for SQL.
    replays: definitions and setup cells to replay first, in notebook order.
    files_read / files_written: literal paths; `any_file` where some path is not literal.
    lane: steps with the same lane run in one kernel, in notebook order; None is a fresh kernel.
    environment: names of environment variables it reads. parameters: parameters whose values it
    reads.
    knows_folder: it looks at the folder that it runs in (`os.getcwd()`, `Path.resolve()`).
    modules: modules imported by its replays and cells (top-level names, for versions and local
    sources).
    never_reuse: why its results cannot be reused (clock, network, unseeded randomness …), or None.
    outside_effects: it writes files, a database or the network.
    """

    id: StepId
    name: StepName
    title: str | None
    language: str
    position: int
    cells: tuple[CellId, ...]
    cell_indexes: tuple[int, ...]
    sources: tuple[str, ...]
    tags: tuple[str, ...] = ()
    options: StepOptions = field(default_factory=StepOptions)
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Name, ...] = ()
    optional_outputs: tuple[Name, ...] = ()
    reads: tuple[Name, ...] = ()
    declared_writes: tuple[Name, ...] = ()
    may_writes: tuple[Name, ...] = ()
    may_reads: tuple[Name, ...] = ()
    unasked: tuple[Name, ...] = ()
    spared: tuple[Name, ...] = ()
    together: tuple[tuple[Name, ...], ...] = ()
    unseen: tuple[tuple[Name, ...], ...] = ()
    passes: tuple[Name, ...] = ()
    defines: tuple[Name, ...] = ()
    shown_calls: tuple[tuple[CellId, str], ...] = ()
    python_reads: tuple[Name, ...] = ()
    replays: tuple[Replay, ...] = ()
    files_read: tuple[str, ...] = ()
    files_written: tuple[str, ...] = ()
    any_file: bool = False
    effects: tuple[str, ...] = ()
    outside_effects: bool = False
    guard: bool = False
    lane: str | None = None
    environment: tuple[str, ...] = ()
    knows_folder: bool = False
    parameters: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    never_reuse: str | None = None

    @property
    def needed_outputs(self) -> frozenset[Name]:
        """What other steps read: the step has not succeeded without these."""
        return frozenset(self.outputs) - frozenset(self.optional_outputs)
