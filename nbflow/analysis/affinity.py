"""Lanes: steps whose values cannot leave their kernel share it with those who read them."""

from collections.abc import Iterable, Mapping

from nbflow.analysis.cell_link import Group
from nbflow.core.step import StepName


def lanes_of(groups: Iterable[Group], names: Mapping[str, StepName]) -> dict[str, str | None]:
    """Each group's lane, named after its first step; None for a kernel of its own."""
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
    return {g.key: names[root(g.key)] if g.key in home else None for g in known}


def _bound_to(group: Group) -> list[str]:
    """The groups whose values this one needs and cannot load."""
    versions = [r.version for link in group.links for r in link.inputs.values()]
    return [v.step for v in versions if v.affinity and v.step is not None and v.step != group.key]
