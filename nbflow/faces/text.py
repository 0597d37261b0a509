"""Words for people: errors, times, counts and reasons in one plain form. Pure, no terminal here.

Whatever comes from a notebook passes `visible` before it is shown: a cell's error text may hold
escape sequences or bidi overrides that would repaint the reader's terminal.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from nbflow.core.diagnostic import Diagnostic, Fix, Place
from nbflow.core.run import Status
from nbflow.core.task import Blob, StepError

# Controls (but not newline and tab), bidi overrides and isolates, lone surrogates, BOM.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
# One error message may be megabytes long; its first screenful tells the story.
_LONGEST_MESSAGE = 2000


def visible(text: str) -> str:
    r"""`text` with everything that hides or moves other text shown as an escape.

    >>> print(visible("red \x1b[31m and \u202e back"))
    red \x1b[31m and \u202e back
    """
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str, limit: int = 200) -> str:
    """The first line that says something, cut to `limit` characters.

    >>> one_line("  \\n\\nfirst line\\nsecond line")
    'first line'
    """
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return visible(line if len(line) <= limit else line[: limit - 1] + "…")


def duration(seconds: float | None) -> str:
    """Seconds as people say them.

    >>> [duration(s) for s in (None, 0.01, 2.13, 42.4, 185, 3725)]
    ['', '<0.1 s', '2.1 s', '42 s', '3 min 05 s', '1 h 02 min']
    """
    if seconds is None:
        return ""
    if seconds < 0.05:
        return "<0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def size(number: int) -> str:
    """Bytes as people say them.

    >>> size(0), size(999), size(1_500_000), size(20_000_000_000)
    ('0 bytes', '999 bytes', '1.5 MB', '20.0 GB')
    """
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= least:
            return f"{number / least:.1f} {unit}"
    return f"{number} bytes"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "step"), counted(48210, "row"), counted(2, "entry", "entries")
    ('1 step', '48,210 rows', '2 entries')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def short_id(run: str) -> str:
    """As much of a run's id as tells it from the others: a UUIDv7's time, to the millisecond.

    >>> short_id("0193f2a1-7c3b-7def-8000-0123456789ab")
    '0193f2a1-7c3b'
    """
    return run[:13]


def local_time(moment: str | None, zone: tzinfo | None = None) -> str:
    """An ISO 8601 time in the reader's zone (or `zone`), to the second.

    >>> from datetime import timezone
    >>> local_time("2026-11-21T10:45:32.123Z", timezone.utc)
    '2026-11-21 10:45:32'
    """
    if moment is None:
        return ""
    return datetime.fromisoformat(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def listed(names: Iterable[str], limit: int = 3) -> str:
    """Names in one line, the first few of them.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    known = tuple(names)
    if len(known) <= limit:
        return ", ".join(known)
    return f"{', '.join(known[:limit])} and {len(known) - limit} more"


def rows_out(outputs: Sequence[Blob]) -> int | None:
    """The rows of all tables that a step gave, or None where it gave no table."""
    rows = [blob.rows for blob in outputs if blob.rows is not None]
    return sum(rows) if rows else None


def reason(status: Status, action: str, message: str) -> str:
    """Why a step stands as it does, always in the same form.

    >>> reason(Status.SUCCEEDED, "run", "sales.csv changed")
    'ran: sales.csv changed'
    >>> reason(Status.SUCCEEDED, "reuse", "reused: same inputs as run 0193f2a1")
    'reused: same inputs as run 0193f2a1'
    """
    said = one_line(message)
    if status is not Status.SUCCEEDED:
        return said
    word = "reused" if action == "reuse" else "ran"
    if not said or said.startswith(word):
        return said or word
    return f"{word}: {said}"


def place_text(place: Place, notebook: str) -> str:
    """Where: `sales.ipynb cell 4, line 2`; people count cells from 1.

    >>> place_text(Place(cell_index=3, line=2), "sales.ipynb")
    'sales.ipynb cell 4, line 2'
    """
    if place.cell_index is None:
        return notebook
    line = "" if place.line is None else f", line {place.line}"
    return f"{notebook} cell {place.cell_index + 1}{line}"


def error_text(
    code: str,
    message: str,
    *,
    severity: str = "error",
    places: Iterable[str] = (),
    hint: str | None = None,
) -> str:
    """What happened, where, and what to do next.

    >>> print(error_text("usage", "no run '12'", hint="nbflow runs lists them"))
    error[usage]: no run '12'
    hint: nbflow runs lists them
    """
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + "…"
    lines = [f"{severity}[{code}]: {message}", *(f"  {place}" for place in places)]
    if hint:
        lines.append(f"hint: {hint}")
    return visible("\n".join(lines))


def diagnostic_text(diagnostic: Diagnostic, notebook: str) -> str:
    """A diagnostic with everyone involved; a file that the message names is not named again.

    >>> from nbflow.core.diagnostic import Severity
    >>> unknown = Diagnostic(code="bad-tag", severity=Severity.ERROR, hint="'retries:3'?",
    ...     message="no tag 'retires:3'", place=Place(cell_index=3))
    >>> print(diagnostic_text(unknown, "a.ipynb"))
    error[bad-tag]: no tag 'retires:3'
      a.ipynb cell 4
    hint: 'retries:3'?
    """
    places = dict.fromkeys(
        place_text(place, notebook)
        for place in (diagnostic.place, *diagnostic.also)
        if place.cell_index is not None or notebook not in diagnostic.message
    )
    return error_text(
        diagnostic.code,
        diagnostic.message,
        severity=diagnostic.severity.value,
        places=places,
        hint=diagnostic.hint,
    )


def fix_text(fix: Fix) -> str:
    """What a fix does, in words.

    >>> fix_text(Fix(old="saels", new="sales", line=2, column=6)), fix_text(Fix(old="x", new=""))
    ('write `sales` instead of `saels`', 'remove `x`')
    """
    return f"write `{fix.new}` instead of `{fix.old}`" if fix.new else f"remove `{fix.old.strip()}`"


def step_error_text(error: StepError) -> str:
    """An error of the author's code in one line.

    >>> step_error_text(StepError(type="KeyError", message="'store'"))
    "KeyError: 'store'"
    """
    return one_line(f"{error.type}: {error.message}" if error.message else error.type, 500)


def where_text(error: StepError) -> str:
    """Where the author's code failed.

    >>> where_text(StepError(type="KeyError", message="", cell_index=6, line=3))
    'cell 7, line 3'
    """
    if error.cell_index is None:
        return ""
    return f"cell {error.cell_index + 1}" + (f", line {error.line}" if error.line else "")


def excerpt(source: str, line: int, around: int = 1) -> tuple[str, ...]:
    """The author's lines about line `line` (1-based), numbered, the one that failed marked.

    >>> print("\\n".join(excerpt("a = 1\\nb = a / 0\\nc = 3", 2)))
      1 | a = 1
    > 2 | b = a / 0
      3 | c = 3
    """
    lines = source.splitlines()
    first, last = max(1, line - around), min(len(lines), line + around)
    digits = len(str(last))
    return tuple(
        visible(f"{'>' if number == line else ' '} {number:>{digits}} | {lines[number - 1]}")
        for number in range(first, last + 1)
    )
