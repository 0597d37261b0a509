"""Who only looks at a name may read it as it was before a step that left it alone.

Names that share objects are stored together, if somebody below changes one of them: so a step that
makes a model of a table leaves both. Where runs have shown that the table is what it was, those who
read nothing else of the two need not wait for the model:

    table = …               1
    model = Model(table)    2   leaves both
    table.describe()        3   reads what 1 left
    model.fit()             4   reads what 2 left

It is watched that this stays so: the step is expected not to change what it hands on.
"""

from collections.abc import Iterable, Mapping

from nbflow.analysis.cell_link import CellLink, Doubt, Group, Resolved
from nbflow.analysis.versions import Version
from nbflow.core.names import Name


def read_contents(
    links: Iterable[CellLink], groups: Mapping[str, Group], lanes: Mapping[str, str | None]
) -> None:
    """Let readers of steps without a lane read the versions that really hold what they need."""
    gained: dict[str, set[Doubt]] = {}
    for link in links:
        if link.key is None:
            continue
        found = gained.setdefault(link.key, set())
        for name, resolved in link.inputs.items():
            found |= gained.get(resolved.version.step or "", set())
            older = _older(name, resolved.version, groups[link.key], lanes)
            if older is not resolved.version:
                found |= {(step, name) for step in _between(resolved.version, older)}
                link.inputs[name] = _of(resolved, older)
        link.doubts |= found


def _older(name: Name, version: Version, reader: Group, lanes: Mapping[str, str | None]) -> Version:
    """The version to read: the given one, unless an older one is the same for this reader."""
    touched = {n for link in reader.links for n in (*link.inputs, *link.left)}
    written = any(name in link.left for link in reader.links)
    found = version
    while (content := found.content) is not None:
        alone = touched.isdisjoint(found.together - {name})
        own = reader.key in (found.step, content.step)
        apart = all(lanes.get(one or "") is None for one in (reader.key, found.step, content.step))
        if written or not alone or own or not apart or content.affinity:
            break
        found = content
    return found


def _between(version: Version, older: Version) -> Iterable[str]:
    """The steps that left the name alone, from one version down to an older one."""
    while version is not older and version.content is not None:
        assert version.step is not None
        yield version.step
        version = version.content


def _of(resolved: Resolved, version: Version) -> Resolved:
    certainty = "sure" if resolved.certainty == "sure" and version.sure else "may"
    return Resolved(version=version, line=resolved.line, certainty=certainty)
