"""What a caller asks of one run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import uuid_utils

from nbflow.core.choices import Choices
from nbflow.core.run import Event, RunId


def new_run_id() -> RunId:
    """A UUIDv7: ids sort by time."""
    return RunId(str(uuid_utils.uuid7()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a caller asks of one run.

    `queued`: the run stands in the ledger and waits for this process. `resumed` are runs whose
    finished steps are kept; `folder` is the steps' working directory where that is not the
    notebook's own; `keep_all` stores every final value, and tells of
    each alone.
    """

    run: RunId = field(default_factory=new_run_id)
    queued: bool = False
    choices: Choices = field(default_factory=Choices)
    jobs: int | None = None
    actor: str = ""
    trigger: str = "manual"
    resumed: frozenset[str] = frozenset()
    on_event: Callable[[Event], None] = lambda _: None
    folder: Path | None = None
    keep_all: bool = False
