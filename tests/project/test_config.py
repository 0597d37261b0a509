"""nbflow.toml: what it may say, and what is said when it cannot be used."""

from pathlib import Path

import pytest

from nbflow.core.errors import UsageError
from nbflow.core.step import StepOptions
from nbflow.project.config import Config, read_config, with_defaults
from nbflow.project.demo import write_config


def written(folder: Path, text: str) -> Path:
    (folder / "nbflow.toml").write_text(text)
    return folder


def test_no_file_is_needed(tmp_path: Path) -> None:
    assert read_config(tmp_path) == Config()


def test_what_init_writes_sets_nothing(tmp_path: Path) -> None:
    write_config(tmp_path)
    assert read_config(tmp_path) == Config()


def test_defaults_are_read(tmp_path: Path) -> None:
    text = (
        '[project]\nmax_size = "1.5 GB"\n[defaults]\ntimeout = "90s"\nretries = 2\njobs = 3\n'
        "[pools]\ndb = 2\n"
    )
    found = read_config(written(tmp_path, text))
    assert found == Config(timeout=90.0, retries=2, jobs=3, max_bytes=1_500_000_000)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[defaults", "nbflow.toml cannot be read", None),
        ('[defaults]\ntimeout = "soon"', "`timeout`", "90s"),
        ("[defaults]\nretries = -1", "`retries`", "number"),
        ("[defaults]\njobs = true", "`jobs` is True", "number from 1"),
        ("[defaults]\ntimout = 1", "[defaults] has no `timout`", "did you mean `timeout`?"),
        ('[project]\nmax_size = "much"', "'much' is no size", "20GB"),
        ("defaults = 1", "`defaults` is a section", "[defaults]"),
    ],
)
def test_what_cannot_be_used_is_told(
    tmp_path: Path, text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        read_config(written(tmp_path, text))
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


def test_tags_say_otherwise() -> None:
    config = Config(timeout=60.0, retries=2)
    mine = StepOptions(timeout=5.0, retries=0)
    assert with_defaults(mine, ("timeout:5s", "retries:0"), config) == mine
    assert with_defaults(mine, ("timeout:5s",), config).retries == 2
    assert with_defaults(StepOptions(), (), config) == StepOptions(timeout=60.0, retries=2)
