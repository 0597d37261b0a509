"""What one cell means on its own: the value that the Python and SQL readers give to the linker.

Everything here is about one cell's text. Which writer a read belongs to is `link.py`'s business.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from nbflow.analysis.aliases import groups
from nbflow.analysis.values import SETTINGS
from nbflow.core.names import Name
from nbflow.core.notebook import CellId


class Certainty(StrEnum):
    """`sure`: on every path. `may`: on some path, or by a call whose effect is not known."""

    SURE = "sure"
    MAY = "may"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A name touched on a line (1-based in the cell)."""

    name: Name
    line: int
    certainty: Certainty = Certainty.SURE


class Effect(StrEnum):
    """What a cell does besides binding names. Each makes the cell special to the plan."""

    NETWORK = "network"  # sockets, URLs, databases on a server: an outside effect
    DATABASE = "database"  # writes through a connection: an outside effect
    SUBPROCESS = "subprocess"  # `!cmd`, subprocess, %%bash: an outside effect, files unknown
    CLOCK = "clock"  # now(), today(), time.time(): never the same twice
    RANDOM = "random"  # draws from an unseeded or global generator
    UNSEEDED = "unseeded"  # draws that no seed of the notebook can repeat
    RAISES = "raises"  # assert, raise, sys.exit, validators: may stop the notebook on purpose
    RAISES_INSIDE = "raises_inside"  # a notebook function that it calls may
    INPUT = "input"  # input(), getpass, breakpoint: cannot be answered in a run
    WRITES_FILES = "writes_files"  # an outside effect; the paths are `file:` names in `writes`


OUTSIDE = frozenset({Effect.NETWORK, Effect.DATABASE, Effect.SUBPROCESS, Effect.WRITES_FILES})
"""Effects that reach the world outside the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A top-level statement that other lanes may replay instead of loading its names as values.

    Import, undecorated (or purely decorated) `def`/`class`, immutable literal constant, harmless
    magic, `namedtuple(…)`-like factory. `needs` are names that it reads *when replayed* (bases,
    decorators, defaults, annotations); `late` are global names read inside its bodies, resolved
    where the function is called; `late_writes` are globals that its bodies may write or mutate;
    `module` is the dotted module an import brings in (`from a.b import c` → `a.b`), else None;
    `environment` and `files` are what that module names, and reads, if it is a local one;
    `for_its_effects`: it seems to be imported for what importing it does, or says how the kernel
    shows results.
    `mutable_state`: a class with class-level state that its methods can change, or whose instances
    act when they are stored or loaded.
    """

    names: tuple[Name, ...]
    source: str
    line: int
    needs: tuple[Use, ...] = ()
    late: tuple[Use, ...] = ()
    late_writes: tuple[Use, ...] = ()
    module: str | None = None
    environment: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    for_its_effects: bool = False
    mutable_state: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFacts:
    """All that one cell's text says.

    reads: names loaded before the cell binds them (also inside nested functions that are *called*
    or
        merely built here: see `late`). Order: first mention.
    binds: names that are surely rebound on every path before any read of the old value (so the
    earlier
        version is not needed). A subset of the names in `writes`.
    bound: names bound on some path; the other `writes` are changes in place. changed: names that
        stood for something before that is changed in place, whether they are bound here or not;
        own: those of which nothing is changed that they only hold. fresh: names that surely are
        objects made here → these.
    passes: names among the reads that are only handed on, where no path binds them.
    writes: bindings and mutations, sure or may. A name that is mutated or bound conditionally
    appears
        here and in `reads`.
    settings: the channels of settings that it may look at, of those that only some code looks at
        (`values.SETTINGS`).
    reach: the objects that names of this cell may reach when it has ended (`aliases.py`).
    late: global names read inside functions and lambdas that this cell builds as *values* (not
        fragments); whoever uses what the cell wrote may read them.
    late_own: those names, and perhaps more, that it surely binds before it builds any of them.
    late_writes: the same for globals that such functions may write.
    fragments: what other lanes can replay.
    is_definition: the whole cell consists of fragments (no step).
    calls: names of notebook functions and classes called or mentioned (the linker adds what their
        fragments read and write late).
    acts: what has an effect first (`time.time()`), and the line, where that is known.
    files: `file:` names are in `reads` / `writes`; ANY_FILE where the path is not literal.
    affinity: names whose value cannot leave the lane (generators, open files, connections,
    in-memory
        databases), with a reason each.
    one_lane: why this cell forces the whole notebook into one lane (`eval`, `globals()`, unknown
        extension magics, module state changed by an unknown call …); empty when it does not.
    shown_call: the library's function whose value is what the cell shows; if there turns out to be
        none, it was called for what it does to its library.
    opaque: parts of the text that could not be understood: (line, why). They become diagnostics.
    """

    cell: CellId
    index: int
    language: str = "python"
    reads: tuple[Use, ...] = ()
    writes: tuple[Use, ...] = ()
    binds: frozenset[Name] = frozenset()
    bound: frozenset[Name] = frozenset()
    changed: frozenset[Name] = frozenset()
    own: frozenset[Name] = frozenset()
    fresh: Mapping[Name, frozenset[str]] = field(default_factory=dict)
    passes: frozenset[Name] = frozenset()
    settings: frozenset[str] = frozenset(SETTINGS)
    reach: Mapping[Name, frozenset[str]] = field(default_factory=dict)
    late: tuple[Use, ...] = ()
    late_own: frozenset[Name] = frozenset()
    late_writes: tuple[Use, ...] = ()
    fragments: tuple[Fragment, ...] = ()
    is_definition: bool = False
    calls: tuple[Use, ...] = ()
    effects: frozenset[Effect] = frozenset()
    acts: tuple[tuple[Effect, str, int], ...] = ()
    affinity: tuple[tuple[Name, str], ...] = ()
    one_lane: tuple[tuple[int, str], ...] = ()
    shown_call: str = ""
    opaque: tuple[tuple[int, str], ...] = ()
    sql: bool = False
    environment_reads: tuple[str, ...] = ()
    syntax_error: tuple[int, str] | None = None
    displays: bool = False
    value_types: tuple[tuple[Name, str], ...] = field(default=())

    def only_binds(self, name: Name) -> bool:
        """The cell binds the name, perhaps, and leaves alone what it was."""
        return name in self.bound and name not in self.changed

    @property
    def aliases(self) -> tuple[frozenset[Name], ...]:
        """Groups of names that may share mutable objects when the cell has ended (`b = a` → {a, b};
        `fig, ax = plt.subplots()` → {fig, ax}). Only groups of two or more."""
        return self.aliases_among(self.reach)

    def aliases_among(self, names: Collection[Name]) -> tuple[frozenset[Name], ...]:
        """The same, if of the names that the cell binds only these count."""
        kept = {str(n): o for n, o in self.reach.items() if n in names or n not in self.bound}
        return tuple(frozenset(Name(n) for n in group) for group in groups(kept))
