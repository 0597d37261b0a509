"""Which names may share mutable objects when a cell has ended, and which are surely new.

Example: after `b = a; c = pd.DataFrame(x)` the groups are `{a, b}`; `c` stands alone.
"""

from collections.abc import Mapping

from nbflow.analysis.values import Objects, Value, incoming, strong


def objects_of(value: Value) -> Objects:
    """The objects that count for sharing: weak ones if the value may be such an object."""
    return strong(value) | value.weak if not value.type else strong(value)


def groups(reached: Mapping[str, Objects]) -> tuple[frozenset[str], ...]:
    """Names that are joined by an object, directly or through others; only groups of two or more.

    `reached` maps each name to the objects that it can reach. The object `in:x` belongs to the name
    `x` even if `x` is bound to something else by now: others may still hold what it was.

    >>> [sorted(group) for group in groups({"b": frozenset({"in:a"}), "c": frozenset({"new:1"})})]
    [['a', 'b']]
    """
    if not any(reached.values()):
        return ()
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    owners: dict[str, str] = {}
    for name, objects in reached.items():
        for obj in objects:
            owner = owners.setdefault(obj, obj[3:] if obj.startswith("in:") else name)
            parent[find(name)] = find(owner)
    members: dict[str, set[str]] = {}
    for name in list(parent):
        members.setdefault(find(name), set()).add(name)
    found = [frozenset(group) for group in members.values() if len(group) > 1]
    return tuple(sorted(found, key=sorted))


def kept_elsewhere(name: str, reached: Mapping[str, Objects]) -> bool:
    """Whether what the name stood for before the cell can still be reached by any name."""
    return any(incoming(name) in objects for objects in reached.values())
