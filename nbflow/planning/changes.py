"""What differs between two fingerprints, and how that is said. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from nbflow.core.why import Change, ChangeKind
from nbflow.planning.fingerprint import Parts

ABSENT: Final = "absent"
"""The digest of a file that is not there."""

_UNSET: Final = "unset"
_LONGEST_NAMED: Final = 4

_KINDS: Final[tuple[tuple[str, ChangeKind], ...]] = (
    ("source", "source"),
    ("parameter:", "parameter"),
    ("replay:", "definition"),
    ("replays", "order"),
    ("input:", "input"),
    ("file:", "file"),
    ("module:", "module"),
    ("environment:", "environment"),
    ("package:", "package"),
    ("folder", "folder"),
    ("python", "python"),
    ("platform", "platform"),
)
"""How parts begin, or are called; what comes first is told first."""

_SUBJECTS: Final[Mapping[ChangeKind, str]] = {
    "source": "its code",
    "parameter": "the parameter `{0}`",
    "definition": "`{0}`",
    "order": "the order of its definitions",
    "input": "`{0}`",
    "file": "{0}",
    "module": "{0}",
    "environment": "the environment variable {0}",
    "package": "the package {0}",
    "folder": "the folder it runs in",
    "python": "Python",
    "platform": "the platform",
    "nbflow": "the way in which nbflow compares steps",
}

_FOLLOWS_CODE: Final = frozenset({"definition", "parameter", "input", "module", "package", "order"})
"""What a step newly uses, or uses no more, because its code changed: no cause of its own."""

_IN_WORDS: Final = frozenset({"parameter", "package", "python", "platform", "folder"})
"""Their values are texts that people can read."""

Detail = Callable[[Change], str]
"""How a file or an input differs (`3 rows added`); empty if that is not known."""


def changes(old: Parts, new: Parts) -> tuple[Change, ...]:
    """All that differs, what matters most first.

    >>> [change.name for change in changes({"file:a.csv": "1"}, {"file:a.csv": "2"})]
    ['a.csv']
    """
    if old.get("version") != new.get("version"):  # then nothing else can be compared
        return (Change(kind="nbflow", old=old.get("version"), new=new.get("version")),)
    differing = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    found = [
        Change(kind=kind, name=key.partition(":")[2], old=old.get(key), new=new.get(key))
        for prefix, kind in _KINDS
        for key in sorted(differing)
        if key == prefix or (prefix.endswith(":") and key.startswith(prefix))
    ]
    if not any(change.kind == "source" for change in found):
        return tuple(found)
    return tuple(c for c in found if c.kind not in _FOLLOWS_CODE or None not in (c.old, c.new))


def nearest(
    earlier: Iterable[tuple[str, Parts]], parts: Parts
) -> tuple[str, tuple[Change, ...]] | None:
    """The earlier run whose parts come nearest, and what differs from it; the first of equals."""
    compared = [(run, changes(before, parts)) for run, before in earlier]
    return min(compared, key=lambda one: len(one[1]), default=None)


def code(found: tuple[Change, ...]) -> str:
    """The reason code of what matters most.

    >>> code((Change(kind="file", name="a.csv"), Change(kind="package", name="pandas")))
    'file_changed'
    """
    return f"{found[0].kind}_changed"


def clause(change: Change, detail: str = "") -> str:
    """One change in words, with what is known of it.

    >>> clause(Change(kind="package", name="pandas", old="2.2", new="3.0"))
    'the package pandas changed: 2.2 → 3.0'
    >>> clause(Change(kind="file", name="a.csv", old="1", new="absent"))
    'a.csv is gone'
    """
    subject, state = _subject(change), _state(change)
    if state:
        return f"{subject} {state}"
    if not detail and change.kind in _IN_WORDS:
        detail = f"{change.old} → {change.new}"
    return f"{subject} changed" + (f": {detail}" if detail else "")


def summary(found: tuple[Change, ...], detail: Detail) -> str:
    """All changes in one clause.

    >>> summary((Change(kind="source", old="1", new="2"),
    ...     Change(kind="input", name="df", old="1", new="2")), lambda _: "")
    'its code and `df` changed'
    """
    if len(found) == 1:
        return clause(found[0], detail(found[0]))
    plain = [_subject(change) for change in found if not _state(change)]
    clauses = [clause(change) for change in found if _state(change)]
    if plain:
        clauses.insert(0, f"{_listed(plain)} changed")
    return _listed(clauses)


def _subject(change: Change) -> str:
    return _SUBJECTS[change.kind].format(change.name)


def _state(change: Change) -> str:
    """What is so now and was not so, where that says more than that it changed."""
    gone, absent = change.new is None, (ABSENT, _UNSET)
    if change.kind == "file" and absent[0] in (change.old, change.new):
        return "is gone" if change.new == ABSENT else "is there now"
    if change.kind == "environment" and absent[1] in (change.old, change.new):
        return "is not set any more" if change.new == _UNSET else "is set now"
    if None not in (change.old, change.new):
        return ""
    if change.kind == "input":
        return "is not read any more" if gone else "is read now, too"
    return "is not used any more" if gone else "is used now, too"


def _listed(texts: list[str]) -> str:
    """Texts in one line, the first few of them.

    >>> _listed(["a", "b", "c"]), _listed(["a", "b", "c", "d", "e", "f"])
    ('a, b and c', 'a, b, c and 3 more')
    """
    if len(texts) > _LONGEST_NAMED:
        texts = [*texts[: _LONGEST_NAMED - 1], f"{len(texts) - _LONGEST_NAMED + 1} more"]
    return " and ".join((", ".join(texts[:-1]), texts[-1])) if len(texts) > 1 else texts[0]
