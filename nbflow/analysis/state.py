"""What is known while code is read (`State`), and what has been found out so far (`Record`).

A state branches where code branches and is joined again afterwards. A record only ever grows: a
write that happens on any path stays a write.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from nbflow.analysis.facts import Effect
from nbflow.analysis.values import (
    NO_OBJECTS,
    Function,
    Objects,
    OpenFile,
    Value,
    everything,
    join,
    remap,
)


@dataclass(eq=False, slots=True)
class State:
    """Names bound so far. Globals have their plain name, locals a name with their frame's prefix.

    bound: True where the name is bound on every path, False where only on some.
    dead: this point is never reached.
    """

    values: dict[str, Value] = field(default_factory=dict)
    bound: dict[str, bool] = field(default_factory=dict)
    dead: bool = False

    def copy(self) -> "State":
        """An independent copy."""
        return State(dict(self.values), dict(self.bound), self.dead)


def join_states(one: State, other: State, before: Callable[[str], Value | None]) -> State:
    """The state after two paths meet. `before` gives a name's value where a path left it alone."""
    if one.dead != other.dead:
        return (other if one.dead else one).copy()
    values = dict(one.values)
    for name, value in other.values.items():
        mine = values.get(name)
        if mine is not value:
            earlier = mine if mine is not None else before(name)
            values[name] = value if earlier is None else join(earlier, value)
    for name in [name for name in one.values if name not in other.values]:
        earlier = before(name)
        values[name] = values[name] if earlier is None else join(values[name], earlier)
    names = dict.fromkeys((*one.bound, *other.bound))  # in the order of the text
    bound = {n: one.bound.get(n, False) and other.bound.get(n, False) for n in names}
    return State(values, bound, one.dead)


@dataclass(slots=True)
class Change:
    """Objects that were changed: `sure` if visibly so; `own` if what they hold stays as it is."""

    line: int
    sure: bool
    own: bool = False


@dataclass(eq=False, slots=True)
class Record:
    """What reading a cell (or one call of a function) found.

    reads: names read before they were surely bound → (line, sure). writes: the first line that
    binds each name. changed: objects that were changed. holds: object → objects that it may
    contain. made: objects made here that cannot leave the kernel → why. behind: objects made here →
    files that they read or write when they are used. built: functions made as values; consumed:
    those that were only handed to a known callable that does not keep them.
    acting: generators that do more than change objects when they are used up → line.
    raised: objects that exceptions carry. acts: what has an effect first, and the line.
    forgotten: containers whose elements may now be anything. settings: what of `SETTINGS` the code
    may look at. guessed: what unknown calls gave. born: functions and
    generators made here → the names that were surely bound by then, each time. shown_call: the
    library's function whose value is what the cell shows, if it was called for a value.
    """

    reads: dict[str, tuple[int, bool]] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    changed: dict[str, Change] = field(default_factory=dict)
    holds: dict[str, set[str]] = field(default_factory=dict)
    effects: set[Effect] = field(default_factory=set)
    acts: dict[Effect, tuple[str, int]] = field(default_factory=dict)
    files_read: dict[str, tuple[int, bool]] = field(default_factory=dict)
    files_written: dict[str, tuple[int, bool]] = field(default_factory=dict)
    channels: dict[str, tuple[int, bool]] = field(default_factory=dict)
    environment: dict[str, int] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    behind: dict[str, frozenset[OpenFile]] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    built: list[Function] = field(default_factory=list)
    one_lane: dict[str, int] = field(default_factory=dict)
    opaque: dict[str, int] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    generators: list[tuple[str, ast.GeneratorExp]] = field(default_factory=list)
    acting: dict[str, int] = field(default_factory=dict)
    raised: set[str] = field(default_factory=set)
    consumed: set[ast.AST] = field(default_factory=set)
    displays: bool = False
    settings: set[str] = field(default_factory=set)
    guessed: set[str] = field(default_factory=set)
    born: dict[ast.AST, frozenset[str]] = field(default_factory=dict)
    shown_call: str = ""

    def read(self, name: str, line: int, *, sure: bool = True) -> None:
        """A name was asked for before this code surely bound it."""
        _note(self.reads, name, line, sure)

    def bears(self, node: ast.AST, bound: Mapping[str, bool]) -> None:
        """Code is made that looks names up when it runs. `bound`: names → surely bound by now."""
        sure = frozenset(name for name, is_sure in bound.items() if is_sure)
        self.born[node] = self.born.get(node, sure) & sure

    def does(self, effect: Effect, what: str, line: int) -> None:
        """A call, or another part of the text, has an effect."""
        self.effects.add(effect)
        self.acts.setdefault(effect, (what, line))

    def change(self, objects: Iterable[str], line: int, *, sure: bool, own: bool = False) -> None:
        """Objects were changed."""
        for obj in objects:
            known = self.changed.get(obj)
            if known is None:
                self.changed[obj] = Change(line, sure, own)
                continue
            first = known.line if known.sure or not sure else line
            self.changed[obj] = Change(first, known.sure or sure, known.own and own)

    def hold(self, holders: Objects, held: Objects) -> None:
        """From now on the holders may contain the held objects."""
        if not held:
            return
        for holder in holders:
            if held - {holder}:
                self.holds.setdefault(holder, set()).update(held - {holder})

    def reach(self, objects: Objects) -> Objects:
        """The objects and everything that they may contain."""
        if not self.holds:
            return objects
        found = set(objects)
        waiting = list(objects)
        while waiting:
            for inner in self.holds.get(waiting.pop(), ()):
                if inner not in found:
                    found.add(inner)
                    waiting.append(inner)
        return frozenset(found)

    def deeds(self) -> set[tuple[str, str]]:
        """What was changed, written, read from files, and what else was done, so far."""
        found = {("changes", obj) for obj in self.changed}
        found |= {("reads", path) for path in self.files_read}
        found |= {("writes", path) for path in self.files_written}
        return found | {("acts", name) for name in (*self.writes, *self.channels)}

    def acts_later(self, made: Objects, deeds: set[tuple[str, str]], line: int) -> None:
        """Whoever uses these generators up does what was found in their text."""
        self.hold(made, frozenset(name for kind, name in deeds if kind == "changes"))
        files = frozenset(
            OpenFile(path, kind == "writes") for kind, path in deeds if kind in ("reads", "writes")
        )
        for obj in made:
            if files:
                self.behind[obj] = files
            if any(kind == "acts" for kind, _ in deeds):
                self.acting[obj] = line

    def read_file(self, path: str, line: int, *, sure: bool = True) -> None:
        """A path (or pattern) was read."""
        _note(self.files_read, path, line, sure)

    def write_file(self, path: str, line: int, *, sure: bool = True) -> None:
        """A path (or pattern) was written."""
        _note(self.files_written, path, line, sure)

    def write_channel(self, channel: str, line: int, *, sure: bool = True) -> None:
        """An ambient channel was changed."""
        _note(self.channels, channel, line, sure)


def _note(table: dict[str, tuple[int, bool]], key: str, line: int, sure: bool) -> None:
    known = table.get(key)
    if known is None:
        table[key] = (line, sure)
    elif sure and not known[1]:
        table[key] = (known[0], True)


_MANY = 24
"""More objects than anybody tells apart in what one call gives back."""


@dataclass(eq=False, slots=True)
class Summary:
    """What a call of a notebook function does, in terms of `arg:NAME` and `in:GLOBAL` objects.

    asked: the globals it looked up, with the values they had: a summary holds as long as they do.
    assigned: globals that it binds (`global`), with their value and whether on every path.
    """

    record: Record
    result: Value
    assigned: dict[str, tuple[Value, bool]] = field(default_factory=dict)
    asked: dict[str, Value | None] = field(default_factory=dict)


NOTHING = Summary(record=Record(), result=Value(objs=NO_OBJECTS))
"""What is assumed of a recursive call at first."""


def tidied(summary: Summary, place: str) -> Summary:
    """The summary without the objects that are gone when the call has ended.

    What is made inside counts only if the result, an argument or a global can reach it. Where that
    is still very much, all of it is taken for one object.
    """
    record = summary.record
    values = [summary.result, *(value for value, _ in summary.assigned.values())]
    roots = {obj for obj in record.holds if not obj.startswith("new:")}
    roots |= record.raised
    kept = record.reach(frozenset(roots).union(*(everything(value) for value in values)))
    one = frozenset({f"new:{place}.many"})
    many = sum(obj.startswith("new:") for obj in kept) > _MANY

    def lasting(obj: str) -> Objects:
        if not obj.startswith("new:"):
            return frozenset({obj})
        if obj not in kept:
            return NO_OBJECTS
        return one if many else frozenset({obj})

    holds, record.holds = record.holds, {}
    for holder, held in holds.items():
        record.hold(lasting(holder), NO_OBJECTS.union(*(lasting(obj) for obj in held)))
    changed, record.changed = record.changed, {}
    for obj, change in changed.items():
        record.change(lasting(obj), change.line, sure=change.sure)
    record.made = {new: why for obj, why in record.made.items() for new in lasting(obj)}
    record.raised = {new for obj in record.raised for new in lasting(obj)}
    record.acting = {new: at for obj, at in record.acting.items() for new in lasting(obj)}
    record.behind = {new: files for obj, files in record.behind.items() for new in lasting(obj)}
    record.forgotten = {new for obj in record.forgotten for new in lasting(obj)}
    summary.result = remap(summary.result, lasting)
    summary.assigned = {n: (remap(v, lasting), sure) for n, (v, sure) in summary.assigned.items()}
    return summary
