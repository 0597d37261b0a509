"""What holds at one point of the notebook: each name's current version, and the findings so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nbflow.analysis.liveness import Liveness
from nbflow.analysis.sharing import Sharing
from nbflow.analysis.versions import Aliases, Defined, Version
from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.core.names import Name, NameKind, kind_of
from nbflow.core.notebook import Cell


@dataclass(slots=True, kw_only=True)
class Standing:
    """Where the walk stands. `replaying` is False when the notebook runs in one lane: every code
    cell then is a step of its own and nothing is replayed.

    channels: the ambient ones of the current names. setup: what every step replays. made: every
    definition so far. skipped: names that only skipped cells write. one_lane: reasons for which the
    notebook cannot be split. injected: the source of the given parameters. doubts: for each name
    the steps above that might have changed it, or what it was made of, although no run has seen
    that.
    """

    injected: str
    sharing: Sharing
    liveness: Liveness
    replaying: bool = True
    current: dict[Name, Version] = field(default_factory=dict)
    channels: dict[Name, None] = field(default_factory=dict)
    aliases: Aliases = field(default_factory=Aliases)
    setup: list[Defined] = field(default_factory=list)
    made: list[Defined] = field(default_factory=list)
    skipped: dict[Name, Cell] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    one_lane: list[str] = field(default_factory=list)
    doubts: dict[Name, frozenset[tuple[str, Name]]] = field(default_factory=dict)

    def hold(self, versions: Mapping[Name, Version]) -> None:
        """From now on these are the names' versions."""
        self.current.update(versions)
        self.channels |= dict.fromkeys(n for n in versions if kind_of(n) is NameKind.AMBIENT)

    def of_step(self, name: Name) -> bool:
        """The name's version is what a step left."""
        version = self.current.get(name)
        return version is not None and version.step is not None

    def definition(self, name: Name) -> Defined | None:
        """The definition that the name's version is, if it is one."""
        version = self.current.get(name)
        return version.defined if version is not None else None

    def rebound(self, name: Name, cell: Cell) -> None:
        """A class or function of that name may live on inside values: there it is known by name."""
        old = self.current.get(name)
        if old is None or old.defined is None or not old.defined.is_code_of(name):
            return
        holders = sorted(n for n, v in self.current.items() if old.defined in v.carried)
        if holders:
            self.one_lane.append(
                f"cell {cell.number} defines `{name}` again while `{holders[0]}` may still hold "
                f"the one of cell {old.cell_index + 1}"
            )

    def error(
        self,
        code: str,
        message: str,
        cell: Cell,
        *,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        """Note a finding that stops the run."""
        self.diagnostics.append(
            Diagnostic(
                code=code,
                severity=Severity.ERROR,
                message=message,
                place=Place(cell=cell.id, cell_index=cell.index, line=line),
                hint=hint,
            )
        )
