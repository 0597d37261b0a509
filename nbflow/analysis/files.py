"""Files as edges: who writes a path that another step reads, or must not be overtaken by.

Paths are outside the versions of names: there is one file, and Run All touches it in notebook
order. So reader-after-writer, writer-after-reader and writer-after-writer all keep that order;
readers among themselves are free.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nbflow.analysis.cell_link import CellLink
from nbflow.analysis.facts import Certainty, Use
from nbflow.core.names import ANY_FILE, Name, NameKind, file_name, kind_of, path_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUse:
    """One touch of a path by a step (`step` is its group key), in notebook order."""

    step: str
    name: Name
    line: int
    writes: bool
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdge:
    """`later` keeps its place after `earlier`, because of a path that both touch."""

    earlier: FileUse
    later: FileUse


def file_uses(link: CellLink) -> list[FileUse]:
    """Files that a cell's text names, and those that runs have seen it touch."""
    facts = link.facts
    told = [(use, False) for use in facts.reads if kind_of(use.name) is NameKind.FILE]
    told += [(use, True) for use in facts.writes if kind_of(use.name) is NameKind.FILE]
    told += [(use, False) for use in _read_by_imports(link)]
    seen = [
        (Use(name=lesson.name, line=1, certainty=Certainty.MAY), lesson.what == "writes")
        for lesson in link.lessons
        if lesson.what in ("reads", "writes") and kind_of(lesson.name) is NameKind.FILE
    ]
    return [
        FileUse(
            step=link.key or "",
            name=use.name,
            line=use.line,
            writes=writes,
            sure=use.certainty is Certainty.SURE,
        )
        for use, writes in (*told, *seen)
    ]


def _read_by_imports(link: CellLink) -> Iterator[Use]:
    """What modules beside the notebook read when the cell, or its replays, import them."""
    fragments = [*link.facts.fragments, *(defined.fragment for defined in link.replays)]
    for fragment in fragments:
        for path in sorted(fragment.files):
            name = ANY_FILE if path == "*" else file_name(path)
            yield Use(name=name, line=1, certainty=Certainty.MAY)


def file_edges(uses: Iterable[FileUse]) -> Iterator[FileEdge]:
    """Edges between each use and the earlier ones that it conflicts with."""
    seen: list[FileUse] = []
    for use in uses:
        for earlier in seen:
            conflict = earlier.writes or use.writes
            if conflict and earlier.step != use.step and overlap(earlier.name, use.name):
                yield FileEdge(earlier=earlier, later=use)
        seen.append(use)


def overlap(one: Name, other: Name) -> bool:
    """Whether two file names may mean the same file, or one lies below the other.

    >>> overlap(Name("file:out"), Name("file:out/a.csv"))
    True
    >>> overlap(Name("file:drop/*.csv"), Name("file:drop/a.csv"))
    True
    >>> overlap(Name("file:a.csv"), Name("file:b.csv"))
    False
    """
    if ANY_FILE in (one, other):
        return True
    first, second = _normal(path_of(one)), _normal(path_of(other))
    return (
        first == second
        or _below(first, second)
        or _below(second, first)
        or _glob_matches(first, second)
        or _glob_matches(second, first)
    )


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in path.replace("\\", "/").split("/"):
        if part == ".." and parts and parts[-1] not in ("..", ""):
            parts.pop()
        elif part not in (".", "") or (part == "" and not parts):
            parts.append(part)
    return "/".join(parts)


def _below(folder: str, path: str) -> bool:
    return not folder or path.startswith(folder + "/")


def _glob_matches(pattern: str, path: str) -> bool:
    if not any(mark in pattern for mark in "*?["):
        return False
    fixed = pattern.split("*", 1)[0].split("?", 1)[0].split("[", 1)[0].rpartition("/")[0]
    if fnmatchcase(path, pattern) or fnmatchcase(f"/{path}", pattern):
        return True
    return _below(path, fixed) or path == fixed
