"""What makes a step wait for another: names, files, guards, the outside world and tags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from nbflow.analysis.cell_link import CellLink, Group, Resolved
from nbflow.analysis.facts import OUTSIDE, Effect
from nbflow.analysis.files import FileEdge, file_edges, file_uses
from nbflow.analysis.steps import may_stop, options_of
from nbflow.core.graph import Edge, EdgeCertainty, EdgeKind
from nbflow.core.names import ANY_FILE, Name, NameKind, kind_of, path_of
from nbflow.core.step import StepName

_ORDERED = (Effect.NETWORK, Effect.DATABASE, Effect.SUBPROCESS)


@dataclass(slots=True, kw_only=True)
class Edges:
    """Collects the edges between groups; several causes of one kind become one edge."""

    groups: Mapping[str, Group]
    names: Mapping[str, StepName]
    found: dict[tuple[str, str, EdgeKind], Edge] = field(default_factory=dict)

    def draw(self, links: list[CellLink]) -> None:
        """Draw all edges that code and tags cause."""
        for group in self.groups.values():
            for link in group.links:
                self._data(group, link)
        self._files([link for link in links if link.key is not None])
        guards = [group for group in self.groups.values() if may_stop(group)]
        touched = {key: _touched(group) for key, group in self.groups.items()} if guards else {}
        for guard in guards:
            self._guard(guard, touched)
        for effect in _ORDERED:
            self._keep_order(effect)
        for group in self.groups.values():
            if group.effects() & OUTSIDE:
                self._doubts(group)
        self._tags()

    def chain(self) -> None:
        """In one lane, as in Run All, a failure stops everything below."""
        for before, after in pairwise(self.groups):
            self._order(before, after, "the notebook runs in one kernel, in its order")

    def certainty(self, writer: str, name: Name, certainty: str) -> EdgeCertainty:
        """How sure an edge is; what runs have taught is `learned`."""
        if any(name in link.learned for link in self.groups[writer].links):
            return "learned"
        return "sure" if certainty == "sure" else "may"

    def _add(
        self,
        writer: str,
        reader: str,
        kind: EdgeKind,
        because: str,
        *,
        names: tuple[Name, ...] = (),
        certainty: EdgeCertainty = "sure",
        lines: tuple[int | None, int | None] = (None, None),
    ) -> None:
        if writer == reader:
            return
        old = self.found.get((writer, reader, kind))
        if old is not None:
            names = tuple(dict.fromkeys((*old.names, *names)))
            certainty = "sure" if "sure" in (old.certainty, certainty) else old.certainty
            because, lines = old.because, (old.from_line, old.to_line)
        self.found[writer, reader, kind] = Edge(
            writer=self.groups[writer].id,
            reader=self.groups[reader].id,
            names=names,
            kind=kind,
            certainty=certainty,
            from_line=lines[0],
            to_line=lines[1],
            because=because,
        )

    # -- by what code touches ----------------------------------------------------------------

    def _data(self, group: Group, link: CellLink) -> None:
        for name, resolved in link.inputs.items():
            if resolved.version.step is not None:
                self._reads(group.key, link, name, resolved)

    def _reads(self, reader: str, link: CellLink, name: Name, resolved: Resolved) -> None:
        version = resolved.version
        assert version.step is not None
        certainty = self.certainty(version.step, name, resolved.certainty)
        asks = "may read" if certainty == "may" and version.sure else "reads"
        does = "was seen to change" if certainty == "learned" else "may change"
        self._add(
            version.step,
            reader,
            "ambient" if kind_of(name) is NameKind.AMBIENT else "data",
            f"cell {link.cell.number} line {resolved.line} {asks} `{name}`, which "
            f"cell {version.cell_index + 1} line {version.line} "
            f"{'writes' if version.sure else does}",
            names=(name,),
            certainty=certainty,
            lines=(version.line, resolved.line),
        )

    def _files(self, links: list[CellLink]) -> None:
        for edge in file_edges(use for link in links for use in file_uses(link)):
            self._file(edge)

    def _file(self, edge: FileEdge) -> None:
        earlier, later = edge.earlier, edge.later
        name = later.name if earlier.name == ANY_FILE else earlier.name
        shown = "some file" if name == ANY_FILE else path_of(name)
        self._add(
            earlier.step,
            later.step,
            "file",
            f"`{shown}` is {'written' if later.writes else 'read'} here after "
            f"`{self.names[earlier.step]}` {'writes' if earlier.writes else 'reads'} it",
            names=(name,),
            certainty="sure" if earlier.sure and later.sure else "may",
            lines=(earlier.line, later.line),
        )

    # -- by order ----------------------------------------------------------------------------

    def _guard(self, guard: Group, touched: Mapping[str, frozenset[Name]]) -> None:
        looked_at = {n for link in guard.links for n in link.inputs if _is_variable(n)}
        last = guard.links[-1].cell.index
        for key, group in self.groups.items():
            if group.first.cell.index <= last:
                continue
            shared = sorted(looked_at & touched[key])
            if shared or group.effects() & OUTSIDE:
                what = f"reads `{shared[0]}` too" if shared else "has an outside effect"
                because = (
                    f"`{self.names[guard.key]}` may stop the notebook, and "
                    f"`{self.names[group.key]}` {what}"
                )
                self._add(guard.key, group.key, "guard", because, names=tuple(shared))

    def _keep_order(self, effect: Effect) -> None:
        """Steps that touch the same outside world keep their order."""
        touching = [group.key for group in self.groups.values() if effect in group.effects()]
        because = f"both touch the outside world ({effect.value}), so they keep their order"
        for before, after in pairwise(touching):
            self._order(before, after, because)

    def _doubts(self, group: Group) -> None:
        """What reaches the outside world cannot be taken back: it waits for whoever might, after
        all, change what it rests on."""
        for writer, name in sorted(doubt for link in group.links for doubt in link.doubts):
            because = (
                f"`{self.names[writer]}` might change `{name}`, though no run has seen it do so; "
                f"`{self.names[group.key]}` has an outside effect, so it waits all the same"
            )
            self._add(writer, group.key, "order", because, names=(name,), certainty="may")

    def _order(self, before: str, after: str, because: str) -> None:
        self._add(before, after, "order", because, certainty="may")

    def _tags(self) -> None:
        keys = {name: key for key, name in self.names.items()}
        for group in self.groups.values():
            for name in options_of(group).after:
                writer = keys.get(StepName(name))
                if writer is not None:
                    because = f"the tag `after:{name}` asks for it"
                    self._add(writer, group.key, "tag", because)


def _is_variable(name: Name) -> bool:
    return kind_of(name) is NameKind.VARIABLE


def _touched(group: Group) -> frozenset[Name]:
    names = {n for link in group.links for n in link.inputs}
    names |= {use.name for link in group.links for use in link.facts.reads}
    return frozenset(n for n in names if _is_variable(n))
