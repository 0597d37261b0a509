"""Lanes: steps whose values cannot leave their kernel share it with those who read them."""

from collections.abc import Iterable, Mapping

from nbflow.analysis.cell_link import CellLink, Group
from nbflow.analysis.versions import Defined, in_order
from nbflow.core.names import Name


def lanes_of(groups: Iterable[Group]) -> dict[str, str | None]:
    """Each group's lane, by the key of the lane's first group; None for a kernel of its own."""
    home: dict[str, str] = {}

    def root(key: str) -> str:
        while home.get(key, key) != key:
            key = home[key]
        return key

    known = list(groups)
    for group in known:
        for writer in _bound_to(group):
            one, other = root(writer), root(group.key)
            home[other] = one
            home.setdefault(one, one)
    return {g.key: root(g.key) if g.key in home else None for g in known}


def load_together(groups: Iterable[Group], lanes: Mapping[str, str | None]) -> None:
    """Let the first reader of a writer in a lane load all that the lane needs of that writer.

    Names that share objects are loaded together or share nothing: what a later step of the lane
    loads alone would be another copy.
    """
    first: dict[tuple[str, str], CellLink] = {}
    for group in groups:
        lane = lanes[group.key]
        for link in group.links if lane else ():
            for name, resolved in list(link.inputs.items()):
                writer = resolved.version.step
                if lane and writer is not None and lanes[writer] != lane:
                    reader = first.setdefault((lane, writer), link)
                    reader.inputs.setdefault(name, resolved)
                    reader.python_reads |= link.python_reads & {name}


def overtaken(groups: Iterable[Group], lanes: Mapping[str, str | None]) -> str | None:
    """Why the lanes cannot be: a step would replay a name over what its lane holds; else None."""
    held: dict[str, dict[Name, int]] = {}
    replayed: dict[str, set[Defined]] = {}
    for group in groups:
        lane = lanes[group.key]
        if lane is None:
            continue
        here, done = held.setdefault(lane, {}), replayed.setdefault(lane, set())
        for defined in in_order({d for link in group.links for d in link.replays} - done):
            done.add(defined)
            for name in defined.fragment.names:
                if name in here:
                    return (
                        f"cell {group.first.cell.number} needs `{name}` of cell "
                        f"{defined.cell_index + 1} in a kernel that holds the one of cell "
                        f"{here[name] + 1}"
                    )
        for link in group.links:
            here.update((n, r.version.cell_index) for n, r in link.inputs.items())
            here.update((n, version.cell_index) for n, version in link.left.items())
    return None


def _bound_to(group: Group) -> list[str]:
    """The groups whose values this one needs and cannot load."""
    versions = [r.version for link in group.links for r in link.inputs.values()]
    return [v.step for v in versions if v.affinity and v.step is not None and v.step != group.key]
