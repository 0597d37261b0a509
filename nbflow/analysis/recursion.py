"""Which calls of notebook functions are being read, and what reading them found.

A function that calls itself is read in rounds: at first its own call is taken to do nothing, then
to do what the last round found, until a round finds no more. What is found about functions inside
such a circle is doubtful until its first member (the one that was entered first) has settled; only
then is it kept.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nbflow.analysis.state import NOTHING, Summary
from nbflow.analysis.values import Function, Value

CallKey = tuple[Function, tuple[tuple[str, Value], ...]]
"""A function with the kinds of its arguments."""

IsSame = Callable[[Summary, Summary], bool]
"""Whether a round found no more than the one before."""

_NOWHERE = 1_000_000


@dataclass(slots=True)
class Running:
    """A call that is being read. `lowest` is the outermost running call that it depends on."""

    key: CallKey
    position: int
    before: Summary
    lowest: int = _NOWHERE


@dataclass(slots=True)
class Calls:
    """known: summaries that hold. found: what a circle's calls were last found to do. doubtful:
    results of this round that depend on an outer call (by its position). moved: the round found
    something new about a call inside the circle."""

    known: dict[CallKey, tuple[Summary, ...]] = field(default_factory=dict)
    running: dict[CallKey, Running] = field(default_factory=dict)
    found: dict[CallKey, Summary] = field(default_factory=dict)
    doubtful: dict[CallKey, tuple[Summary, int]] = field(default_factory=dict)
    moved: bool = False

    def is_running(self, function: Function) -> bool:
        """Whether some call of the function is being read."""
        return any(one is function for one, _ in self.running)

    def pending(self, key: CallKey) -> Summary | None:
        """What is thought so far of a call that is being read, or depends on one that is."""
        running = self.running.get(key)
        if running is not None:
            self._depend(running.position)
            return running.before
        if key in self.doubtful:
            summary, lowest = self.doubtful[key]
            self._depend(lowest)
            return summary
        return None

    def _depend(self, position: int) -> None:
        for running in self.running.values():
            if running.position > position or running.position == position:
                running.lowest = min(running.lowest, position)

    @contextmanager
    def entered(self, key: CallKey) -> Iterator[Running]:
        """Reading of a call begins and ends."""
        call = Running(key, len(self.running), self.found.get(key, NOTHING))
        self.running[key] = call
        yield call
        del self.running[key]

    def left(self, call: Running, latest: Summary, is_same: IsSame) -> bool:
        """A round has ended; returns whether it was the last one for this call."""
        if call.lowest > call.position:
            self._keep(call.key, latest)
            return True
        self.moved = self.moved or not is_same(latest, call.before)
        self.found[call.key] = latest
        if call.lowest < call.position:
            self.doubtful[call.key] = (latest, call.lowest)
            return True
        settled = not self.moved
        self.moved = False
        inner = [key for key, (_, lowest) in self.doubtful.items() if lowest >= call.position]
        for key in inner:
            summary, _ = self.doubtful.pop(key)
            if settled:
                self._keep(key, summary)
                self.found.pop(key, None)
        if settled:
            self._keep(call.key, latest)
            self.found.pop(call.key, None)
        return settled

    def _keep(self, key: CallKey, summary: Summary) -> None:
        self.known[key] = (*self.known.get(key, ()), summary)
