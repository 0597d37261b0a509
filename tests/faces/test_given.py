"""Parameters from files: typed as YAML makes them, refused where they would be misread."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from nbflow.core.errors import UsageError
from nbflow.faces.given import gather, read_file


def file_of(folder: Path, content: str | bytes) -> Path:
    path = folder / "p.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("day: 2026-01-05\ntop: 5\nok: true\nname: x\n", None),
        ('{"a": [1, 2.5, null, {"b": "c"}]}', {"a": [1, 2.5, None, {"b": "c"}]}),
        ("", {}),
        ("# nothing\n", {}),
        ("big: 123456789012345678901234567890", {"big": 123456789012345678901234567890}),
        ("größe: '5'", {"größe": "5"}),
    ],
)
def test_a_file_gives_typed_values(
    tmp_path: Path, content: str, expected: dict[str, Any] | None
) -> None:
    wanted = expected if expected is not None else {
        "day": date(2026, 1, 5), "top": 5, "ok": True, "name": "x",
    }  # fmt: skip
    assert read_file(file_of(tmp_path, content)) == wanted


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: 1\na: 2\n", "p.yaml, line 2: 'a' is given twice"),
        ("- 1\n- 2\n", "holds no parameters"),
        ("just text", "holds no parameters"),
        ("a: [1, 2\nb: 3", "p.yaml, line 2: not YAML"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML"),
        ("../x: 1", "'../x' cannot be a parameter's name"),
        ("1: 1", "1 cannot be a parameter's name"),
        ("lambda: 1", "'lambda' cannot be a parameter's name"),
        ("a: 2026-13-45", "not YAML"),
        (b"a: \xff\xfe\x00", "not YAML"),
        ("[" * 100_000, "not YAML"),
        ("? [a, b]\n: 1\n", "not YAML"),
        ("a: {b: 1, b: 2}", "p.yaml, line 1: 'b' is given twice"),
        ("a: &x [1]\nb: [*x, *x]", "p.yaml, line 1: aliases"),
        ("a: &x [*x]", "p.yaml, line 1: aliases"),
    ],
)
def test_c70_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read_file(file_of(tmp_path, content))
    assert said in caught.value.message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nix\.yaml cannot be read: No such file"):
        read_file(tmp_path / "nix.yaml")


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    path = file_of(tmp_path, "a: 1\nb: 2\n")
    assert gather([("b", "3")], path) == {"a": 1, "b": "3"}
