"""Why a step ran or was reused: what differs from an earlier run, down to the first cause."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nbflow.core.run import Status

ChangeKind = Literal[
    "source",
    "parameter",
    "definition",
    "order",
    "input",
    "file",
    "module",
    "environment",
    "package",
    "folder",
    "python",
    "platform",
    "nbflow",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that a step's result depends on and that differs; `old` and `new` are digests,
    versions or short texts, None where it was not, or is not any more, among those things."""

    kind: ChangeKind
    name: str = ""
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What the decision to run a step rests on.

    parts: what its fingerprint was made of. compared: the earlier run whose result came nearest,
    None if there was none. changes: what differs from it.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    compared: str | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A change told to people: `message` is a clause ("sales.csv changed: 3 rows added"), `details`
    are lines of a difference, `because` what it comes from."""

    change: Change
    message: str
    details: tuple[str, ...] = ()
    because: tuple["Cause", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The answer of `nbflow why RUN STEP`. `compared` is the earlier run that came nearest; `lines`
    tell all of it to people."""

    run: str
    step: str
    status: Status
    action: str
    reason: str | None
    message: str
    item: str | None = None
    compared: str | None = None
    causes: tuple[Cause, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDifference:
    """How a step differs between two runs: `causes` of its own (what comes from its inputs is told
    where they are made) and the `outputs` that came out differently, each with its message. A
    status is None where a run did not have the step."""

    step: str
    before: Status | None
    after: Status | None
    causes: tuple[Cause, ...] = ()
    outputs: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDifference:
    """The answer of `nbflow diff RUN RUN`. `same` counts the steps that do not differ."""

    before: str
    after: str
    notebook: str
    steps: tuple[StepDifference, ...] = ()
    same: int = 0
