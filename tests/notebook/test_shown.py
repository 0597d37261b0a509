"""What cells show, as it is compared."""

import pytest

from nbflow.notebook.shown import shown


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("1%\r50%\rdone", "done"),
        ("1%\r50%\rdone\n", "done\n"),
        ("windows\r\nlines\r\n", "windows\r\nlines\r\n"),
        ("a\rb\r\nc", "b\r\nc"),
        ("1%\r2%\r", "2%\r"),
    ],
)
def test_a_line_is_what_a_screen_shows_in_the_end(text: str, seen: str) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    assert shown([output]) == (f"stdout: {seen}",)


def test_a_line_of_megabytes_is_no_trouble() -> None:
    """It would not end if each letter looked for the end of its line."""
    page = "<script>" + "x" * 5_000_000
    output = {"output_type": "display_data", "data": {"text/html": page}}
    assert shown([output]) == (f"display_data: [text/html] {page}",)
