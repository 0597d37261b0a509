"""The terminal, or what stands in for it: how wide, which characters, and who is reading.

Everything a command prints passes here. Three readers differ: a person at a terminal (colours, as
wide as the window), a pipe (plain lines, never cut), a script (exact bytes). A reader who goes away
(`| head`) must not stop a run, so a broken pipe silences the screen and nothing else.
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# One character for one, so that columns stay where they are; the ellipsis is ours to place.
_ASCII: Final = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "●": "*",
        "○": ".",
        "↺": "=",
        "–": "-",
        "—": "-",
        "─": "-",
        "│": "|",
        "├": "|",
        "└": "`",
        "↓": "v",
        "·": "-",
        "×": "x",
        "←": "<",
        "→": ">",
        "…": "~",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "≥": ">",
        "≤": "<",
    }
)
_PROBE: Final = "✓✗●○↺├└│─←→…"
# A pipe has no width: wide enough that nothing is ever cut or wrapped.
_PIPE_WIDTH: Final = 10_000


class _Stream:
    """A text stream that survives its reader and says everything in the encoding it has."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.ascii = not _can_encode(self.encoding)

    def write(self, text: str) -> int:
        shown = text.translate(_ASCII) if self.ascii else text
        safe = shown.encode(self.encoding, "backslashreplace").decode(self.encoding)
        self._guarded(lambda: self._stream.write(safe))
        return len(text)

    def write_bytes(self, content: bytes) -> None:
        """Exactly these bytes, whatever the stream's encoding and line ends."""
        binary = getattr(self._stream, "buffer", None)
        if binary is None:
            self._guarded(lambda: self._stream.write(content.decode("utf-8")))
            return
        self.flush()
        self._guarded(lambda: binary.write(content))

    def flush(self) -> None:
        self._guarded(self._stream.flush)

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def _guarded(self, act: Callable[[], object]) -> None:
        if self._gone:
            return
        try:
            act()
        except BrokenPipeError:
            self._gone = True
            _point_at_nothing(self._stream)


def _can_encode(encoding: str) -> bool:
    try:
        _PROBE.encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def _point_at_nothing(stream: TextIO) -> None:
    """Python flushes its streams at the end and would complain about the broken pipe once more."""
    with suppress(OSError):  # not a real file: nothing is left to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Screen:
    """Where a command prints. `say` is for people, `data` for scripts, `warn` goes to stderr."""

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._out = _Stream(out or sys.stdout or _nowhere())
        self._err = _Stream(err or sys.stderr or _nowhere())
        self.terminal = self._out.isatty()
        self.live = self.terminal and environment.get("TERM", "") not in ("dumb", "unknown")
        self._environment = environment

    @cached_property
    def console(self) -> "Console":
        """Rich, for people; made when first needed."""
        from rich.console import Console

        return Console(
            file=cast(TextIO, self._out),
            width=None if self.terminal else _PIPE_WIDTH,
            force_terminal=self.live,
            highlight=False,
            markup=False,
            emoji=False,
            _environ=self._environment,
        )

    @property
    def width(self) -> int:
        """Columns that a line may fill; a pipe has no end."""
        return self.console.width

    @property
    def height(self) -> int:
        """Lines that the window shows."""
        return self.console.height

    @property
    def ellipsis(self) -> str:
        """What stands for text that was cut."""
        return "~" if self._out.ascii else "…"

    def say(self, *lines: "RenderableType") -> None:
        """Print lines for people, one below the other; they are not wrapped."""
        for line in lines or ("",):
            self.console.print(line, soft_wrap=True, highlight=False)
        self._out.flush()

    def data(self, text: str) -> None:
        """Print for a script: UTF-8, these characters exactly."""
        self._out.write_bytes(text.encode("utf-8", "backslashreplace"))
        self._out.flush()

    def warn(self, text: str) -> None:
        """Print one message on stderr."""
        self._err.write(text + "\n")
        self._err.flush()


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
