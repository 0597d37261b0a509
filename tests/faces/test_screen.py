"""The readers of a screen (a terminal, a pipe, a script), and encodings that lack our signs."""

import io
from typing import cast

import pytest

from nbflow.faces.screen import Screen


def screen_of(encoding: str, *, tty: bool = False, **environment: str) -> tuple[Screen, io.BytesIO]:
    kept = io.BytesIO()
    stream = io.TextIOWrapper(kept, encoding=encoding, newline="\n")
    if tty:
        stream.isatty = lambda: True  # type: ignore[method-assign]
    return Screen(stream, stream, environment), kept


def test_signs_become_ascii_where_the_encoding_lacks_them() -> None:
    screen, kept = screen_of("ascii")
    screen.say("✓ a ← b · é …")
    assert kept.getvalue() == b"+ a < b - \\xe9 ~\n"
    assert screen.ellipsis == "~"


def test_utf_8_is_printed_as_it_is() -> None:
    screen, kept = screen_of("utf-8")
    screen.say("✓ é \ud800")
    assert kept.getvalue() == "✓ é \\ud800\n".encode()
    assert screen.ellipsis == "…"


def test_data_is_utf_8_whatever_the_encoding() -> None:
    screen, kept = screen_of("ascii")
    screen.data("é ✓\n")
    assert kept.getvalue() == "é ✓\n".encode()


def test_a_pipe_is_never_wrapped_nor_coloured() -> None:
    screen, kept = screen_of("utf-8", COLUMNS="40")
    from rich.text import Text

    screen.say(Text("word " * 100, "red"))
    assert kept.getvalue().decode().count("\n") == 1
    assert b"\x1b" not in kept.getvalue()
    assert not screen.live


@pytest.mark.parametrize(
    ("environment", "live", "coloured"),
    [
        ({"TERM": "xterm-256color"}, True, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_a_terminal_has_the_powers_it_says(
    environment: dict[str, str], live: bool, coloured: bool
) -> None:
    from rich.text import Text

    screen, kept = screen_of("utf-8", tty=True, COLUMNS="60", LINES="20", **environment)
    screen.say(Text("red", "red"))
    assert (screen.live, screen.width) == (live, 60 if live else screen.width)
    assert (b"\x1b[31m" in kept.getvalue()) is coloured


def test_square_brackets_are_text() -> None:
    screen, kept = screen_of("utf-8")
    screen.say("error[usage]: [bold]x[/bold] :smile:")
    assert kept.getvalue() == b"error[usage]: [bold]x[/bold] :smile:\n"


def test_a_stream_without_bytes_gets_text() -> None:
    stream = io.StringIO()
    Screen(cast(io.TextIOWrapper, stream), stream, {}).data("é\n")
    assert stream.getvalue() == "é\n"
