"""Lanes: steps whose values cannot leave their kernel share it with those who read them."""

from collections.abc import Iterable, Mapping

from nbflow.analysis.cell_link import Group
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
