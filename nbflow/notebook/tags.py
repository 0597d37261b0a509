"""The tag language, both ways: plain cell tags → `CellTags`, and back.

Every editor can set plain tags, so they are how authors say what code cannot: a step's name,
retries, a time limit. A word with a colon whose head stands in our table, or within two letters of
it, is ours and is checked; all other tags belong to somebody else and are left alone. Tags that a
later version will carry out are refused by name: silently ignoring `approve` would run what a
person wanted to stop.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from nbflow.core.diagnostic import Diagnostic, Fix, Place, Severity
from nbflow.core.errors import UsageError
from nbflow.core.step import CachePolicy, CellTags, CheckMode, StepOptions
from nbflow.core.tag import TagKind

_FLAGS: Final = {
    "parameters": "parameters",
    "injected-parameters": "injected",
    "setup": "setup",
    "skip": "skip",
    "raises-exception": "raises_exception",
}
"""Tags without a value → the field of `CellTags` that they set."""

_ACCEPTED: Final = frozenset({"hide-input", "remove-input", "remove-cell"})
"""nbconvert's and Jupyter Book's words: kept in the file, they shape shared results."""

TAGS: Final = (
    TagKind(
        name="step",
        takes="text",
        label="Step name",
        help="Names the step. Cells with the same name are one step.",
        example="step:clean the data",
    ),
    TagKind(
        name="parameters",
        on="cell",
        label="Parameters",
        help="This cell holds the parameters: a run sets other values after it.",
        example="parameters",
    ),
    TagKind(
        name="setup",
        on="cell",
        label="Setup",
        help="Is replayed in every kernel before anything else.",
        example="setup",
    ),
    TagKind(
        name="skip",
        on="cell",
        label="Skip",
        help="Is not part of the workflow.",
        example="skip",
    ),
    TagKind(
        name="after",
        takes="names",
        repeats=True,
        label="Wait for",
        help="Waits for a step although the code does not show it.",
        example="after:load",
    ),
    TagKind(
        name="when",
        takes="expression",
        available=False,
        label="Only when",
        help="Runs only if a variable is true (`!` turns it round).",
        example="when:is_month_end",
    ),
    TagKind(
        name="foreach",
        takes="expression",
        available=False,
        label="For each",
        help="Runs once for each item of a list.",
        example="foreach:region=regions",
    ),
    TagKind(
        name="partial",
        available=False,
        label="Partial",
        help="May go on with the items that succeeded.",
        example="partial",
    ),
    TagKind(
        name="retries",
        takes="number",
        minimum=0,
        maximum=1000,
        label="Retries",
        help="Tries again so many times after an error.",
        example="retries:2",
    ),
    TagKind(
        name="backoff",
        takes="duration",
        label="Wait between tries",
        help="Waits before it tries again, twice as long each time.",
        example="backoff:30s",
    ),
    TagKind(
        name="timeout",
        takes="duration",
        label="Time limit",
        help="Gives up when the step takes longer; 6 hours if nothing is said.",
        example="timeout:10m",
    ),
    TagKind(
        name="pool",
        takes="text",
        available=False,
        label="Pool",
        help="Takes a slot of a shared pool while it runs.",
        example="pool:warehouse",
    ),
    TagKind(
        name="priority",
        takes="number",
        available=False,
        label="Priority",
        help="Starts before steps with a lower number.",
        example="priority:10",
    ),
    TagKind(
        name="check",
        takes="choice",
        choices=("warn",),
        optional=True,
        label="Data check",
        help="A failing assert, or SQL that returns rows, stops what comes after; `warn` only says"
        " so.",
        example="check:warn",
    ),
    TagKind(
        name="approve",
        available=False,
        label="Approval",
        help="Waits for a person before it runs.",
        example="approve",
    ),
    TagKind(
        name="publish",
        takes="text",
        available=False,
        label="Publish",
        help="Its table becomes the project's current table of that name.",
        example="publish:daily_sales",
    ),
    TagKind(
        name="cache",
        takes="duration",
        choices=("never", "always"),
        label="Reuse",
        help="Overrides when the result is reused: never, always, or for so long.",
        example="cache:2h",
    ),
    TagKind(
        name="raises-exception",
        on="cell",
        label="Expected error",
        help="An error in this cell is expected; the step goes on.",
        example="raises-exception",
    ),
    TagKind(
        name="hide-input",
        on="cell",
        label="Hide code",
        help="Folds the code in shared results.",
        example="hide-input",
    ),
    TagKind(
        name="remove-input",
        on="cell",
        label="Leave out code",
        help="Leaves the code out of shared results.",
        example="remove-input",
    ),
    TagKind(
        name="remove-cell",
        on="cell",
        label="Leave out cell",
        help="Leaves the cell out of shared results.",
        example="remove-cell",
    ),
)
"""Every tag of the language, as forms offer it; tests hold it against what is read below."""

_NOT_YET_WORDS: Final = frozenset({"partial", "approve"})
_NOT_YET_HEADS: Final = frozenset({"when", "foreach", "pool", "priority", "publish"})

_MOST_RETRIES: Final = 1000
_LONGEST_SECONDS: Final = 366 * 86400
"""A time limit beyond a year is a slip of the pen: nothing may wait for ever."""

_DURATION: Final = re.compile(
    r"(?:(?P<d>\d{1,9})d)?(?:(?P<h>\d{1,9})h)?(?:(?P<m>\d{1,9})m)?(?:(?P<s>\d{1,9})s)?",
    re.ASCII,
)
_UNIT_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION_HINT: Final = "write a duration as 90s, 5m, 2h, 1d or 1h30m"
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NEAR: Final = 2

_Noun = TypeVar("_Noun", CellTags, StepOptions)


class _BadValueError(ValueError):
    """A tag's value cannot be read: what is wrong, and what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def parse_duration(text: str) -> float:
    """Seconds of a duration such as `1h30m`.

    >>> parse_duration("90s"), parse_duration("1h30m"), parse_duration("1d")
    (90.0, 5400.0, 86400.0)

    Raises:
        ValueError: the text is not a duration, or longer than a year.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise _BadValueError(f"{text!r} is not a duration", _DURATION_HINT)
    parts = {unit: int(n) for unit, n in match.groupdict().items() if n is not None}
    seconds = sum(n * _UNIT_SECONDS[unit] for unit, n in parts.items())
    if seconds > _LONGEST_SECONDS:
        raise _BadValueError(f"{text!r} is longer than a year", _DURATION_HINT)
    return float(seconds)


def format_duration(seconds: float) -> str:
    """The shortest way to write whole seconds.

    >>> format_duration(5400), format_duration(90061), format_duration(0)
    ('1h30m', '1d1h1m1s', '0s')

    Raises:
        ValueError: not a whole number of seconds from 0 to a year.
    """
    if not (0 <= seconds <= _LONGEST_SECONDS) or seconds != int(seconds):
        raise ValueError(f"a tag cannot say {seconds!r} seconds")
    rest, written = int(seconds), ""
    for unit, size in _UNIT_SECONDS.items():
        count, rest = divmod(rest, size)
        written += f"{count}{unit}" if count else ""
    return written or "0s"


def _name(value: str) -> str:
    if not value:
        raise _BadValueError(
            "the name is missing", "write a name after the colon, such as step:load"
        )
    if "," in value or _UNPRINTABLE.search(value):
        raise _BadValueError(
            f"{value!r} cannot be a name", "a name is any text on one line without a comma"
        )
    return value


def _count(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", value) or int(value) > _MOST_RETRIES:
        raise _BadValueError(
            f"{value!r} is not a number of retries", f"write a number from 0 to {_MOST_RETRIES}"
        )
    return int(value)


def _time_limit(value: str) -> float:
    seconds = parse_duration(value)
    if seconds == 0:
        raise _BadValueError("a time limit of nothing", "a step needs some time; " + _DURATION_HINT)
    return seconds


def _check_mode(value: str) -> CheckMode:
    if value != "warn":
        raise _BadValueError(f"{value!r} is not a kind of check", "write check or check:warn")
    return CheckMode.WARN


def _cache_policy(value: str) -> CachePolicy:
    if value == "never":
        return CachePolicy(mode="never")
    if value == "always":
        return CachePolicy(mode="always")
    try:
        return CachePolicy(mode="duration", seconds=parse_duration(value))
    except _BadValueError as error:
        raise _BadValueError(
            f"{value!r} is not a cache rule", "write cache:never, cache:always or cache:2h"
        ) from error


_OPTIONS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "retries": ("retries", _count),
    "backoff": ("backoff", parse_duration),
    "timeout": ("timeout", _time_limit),
    "check": ("check", _check_mode),
    "cache": ("cache", _cache_policy),
}
"""Heads that set one field of `StepOptions`, and how their value is read."""

_CHOICES: Final = {"check": ("warn",), "cache": ("never", "always")}
"""The words that a value may be."""

_HEADS: Final = ("step", "after", *_OPTIONS, *sorted(_NOT_YET_HEADS))
_WORDS: Final = (*_FLAGS, *sorted(_NOT_YET_WORDS), *sorted(_ACCEPTED))


def read_option(head: str, value: str) -> Any:
    """The value of a tag `HEAD:VALUE`, where it stands elsewhere.

    >>> read_option("timeout", "90s"), read_option("retries", "2")
    (90.0, 2)

    Raises:
        UsageError: it is none.
    """
    try:
        return _OPTIONS[head][1](value)
    except _BadValueError as error:
        raise UsageError(str(error), hint=error.hint) from error


@dataclass(slots=True)
class _Draft:
    """What was read so far; a head may be said twice only if it says the same."""

    tags: CellTags
    said: dict[str, tuple[str, Any]]
    findings: list[Diagnostic]
    place: Place

    def complain(self, code: str, message: str, hint: str | None, fix: Fix | None = None) -> None:
        self.findings.append(
            Diagnostic(
                code=code,
                severity=Severity.ERROR,
                message=message,
                place=self.place,
                hint=hint,
                fix=fix,
            )
        )

    def say(self, head: str, tag: str, value: Any) -> bool:
        """Note a head's value; False, with a finding, if the cell said something else before."""
        before, known = self.said.setdefault(head, (tag, value))
        if known == value:
            return True
        self.complain(
            "conflicting-tags", f"the tags {before!r} and {tag!r} contradict each other", "keep one"
        )
        return False


def parse_tags(tags: Iterable[str], *, place: Place) -> tuple[CellTags, tuple[Diagnostic, ...]]:
    """What a cell's tags say, and what is wrong with them.

    >>> parse_tags(["step:load", "retries:2", "mine"], place=Place())[0].options.retries
    2
    >>> parse_tags(["retires:2"], place=Place())[1][0].hint
    'did you mean retries:2?'
    """
    draft = _Draft(tags=CellTags(), said={}, findings=[], place=place)
    for tag in tags:
        _read_tag(draft, tag.strip())
    _refuse_contradictions(draft)
    return draft.tags, tuple(draft.findings)


def _read_tag(draft: _Draft, tag: str) -> None:
    head, colon, value = (part.strip() for part in tag.partition(":"))
    if tag in _FLAGS:
        draft.tags = _with(draft.tags, _FLAGS[tag], True)
    elif tag == "check":
        _set_option(draft, "check", tag, CheckMode.STOP)
    elif tag in _NOT_YET_WORDS or (colon and head in _NOT_YET_HEADS) or _is_schema(head, value):
        _refuse_not_yet(draft, tag)
    elif colon and head in _HEADS:
        _read_valued(draft, tag, head, value)
    elif colon and head in _WORDS:
        fix = Fix(old=tag, new=head)
        draft.complain("bad-tag", f"the tag {tag!r} takes no value", f"write {head}", fix)
    elif colon and (meant := _nearest(head)) is not None:
        suggestion = f"{meant}:{value}" if meant in _HEADS else meant
        fix = Fix(old=tag, new=suggestion)
        hint = f"did you mean {suggestion}?"
        draft.complain("unknown-tag", f"there is no tag {tag!r}", hint, fix)


def _is_schema(head: str, value: str) -> bool:
    return head == "check" and value == "schema"


def _refuse_not_yet(draft: _Draft, tag: str) -> None:
    draft.complain(
        "tag-not-yet",
        f"this version of nbflow cannot carry out the tag {tag!r} yet",
        "remove the tag, or install a version that can",
    )


def _read_valued(draft: _Draft, tag: str, head: str, value: str) -> None:
    try:
        match head:
            case "step":
                if draft.say(head, tag, _name(value)):
                    draft.tags = replace(draft.tags, step=value)
            case "after":
                _add_after(draft, _name(value))
            case _:
                _set_option(draft, head, tag, _OPTIONS[head][1](value))
    except _BadValueError as error:
        near = get_close_matches(value, _CHOICES.get(head, ()), n=1)
        fix = Fix(old=tag, new=f"{head}:{near[0]}") if near else None
        draft.complain("bad-tag", f"the tag {tag!r} cannot be read: {error}", error.hint, fix)


def _add_after(draft: _Draft, name: str) -> None:
    options = draft.tags.options
    after = tuple(dict.fromkeys((*options.after, name)))
    draft.tags = replace(draft.tags, options=replace(options, after=after))


def _set_option(draft: _Draft, head: str, tag: str, value: Any) -> None:
    if draft.say(head, tag, value):
        options = _with(draft.tags.options, _OPTIONS[head][0], value)
        draft.tags = replace(draft.tags, options=options)


def _with(noun: _Noun, field: str, value: Any) -> _Noun:
    changes: dict[str, Any] = {field: value}
    return replace(noun, **changes)


def _refuse_contradictions(draft: _Draft) -> None:
    """`setup` and `skip` cells are no steps, so nothing that concerns a step can hold for them."""
    tags = draft.tags
    if tags.setup and (tags.parameters or tags.skip):
        other = "parameters" if tags.parameters else "skip"
        draft.complain(
            "conflicting-tags", f"a cell cannot be both 'setup' and {other!r}", "keep one"
        )
    elif tags.setup and (tags.step is not None or tags.options != StepOptions()):
        draft.complain(
            "conflicting-tags",
            "a 'setup' cell is replayed in every lane and is no step of its own",
            "remove 'setup', or the tags that concern a step",
        )


def _nearest(head: str) -> str | None:
    near = [(d, word) for word in (*_HEADS, *_WORDS) if (d := _distance(head, word)) <= _NEAR]
    return min(near, key=lambda found: found[0])[1] if near else None


def _distance(a: str, b: str) -> int:
    """Letters to add, drop, change or swap with their neighbour, case aside.

    >>> _distance("retires", "retries"), _distance("Step", "step"), _distance("lang", "when")
    (1, 0, 4)
    """
    a, b = a.casefold(), b.casefold()
    if abs(len(a) - len(b)) > _NEAR:
        return _NEAR + 1
    cost = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            changed = a[i - 1] != b[j - 1]
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + changed)
            if i > 1 and j > 1 and (a[i - 1], a[i - 2]) == (b[j - 2], b[j - 1]):
                cost[i, j] = min(cost[i, j], cost[i - 2, j - 2] + 1)
    return cost[len(a), len(b)]


def format_tags(tags: CellTags) -> tuple[str, ...]:
    """The tags that say this, in one order.

    >>> format_tags(CellTags(step="load", options=StepOptions(retries=2, backoff=90.0)))
    ('step:load', 'retries:2', 'backoff:1m30s')

    Raises:
        ValueError: no tag can say it (a duration in fractions of a second, `check:schema`).
    """
    flags = tuple(tag for tag, field in _FLAGS.items() if getattr(tags, field))
    step = () if tags.step is None else (f"step:{_name(tags.step)}",)
    return (*flags, *step, *_format_options(tags.options))


def _format_options(options: StepOptions) -> tuple[str, ...]:
    usual = StepOptions()
    written = [f"after:{_name(name)}" for name in options.after]
    if options.retries != usual.retries:
        written.append(f"retries:{options.retries}")
    if options.backoff != usual.backoff:
        written.append(f"backoff:{format_duration(options.backoff)}")
    if options.timeout != usual.timeout:
        written.append(f"timeout:{format_duration(options.timeout)}")
    if options.check is not None:
        written.append(_format_check(options.check))
    if options.cache is not None:
        written.append(_format_cache(options.cache))
    return tuple(written)


def _format_check(check: CheckMode) -> str:
    if check is CheckMode.SCHEMA:
        raise ValueError("check:schema cannot be carried out yet")
    return "check" if check is CheckMode.STOP else "check:warn"


def _format_cache(cache: CachePolicy) -> str:
    if cache.mode == "duration" and cache.seconds is not None:
        return f"cache:{format_duration(cache.seconds)}"
    return f"cache:{cache.mode}"
