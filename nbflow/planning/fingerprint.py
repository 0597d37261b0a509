"""The fingerprint of a task: everything its result is a function of, hashed; and what differs
between two.

The parts stay readable (a flat mapping of text to text) so that nbflow can say *what* changed, not
only that something did.
"""

import ast
import json
import re
from collections.abc import Mapping

from blake3 import blake3

from nbflow.core.step import Replay, Step

FINGERPRINT_VERSION = "2"
"""Raised whenever the meaning of a part changes: older results are then made again."""

Parts = Mapping[str, str]
"""Flat: `source`, `replay:NAME`, `input:NAME`, `file:PATH`, `module:PATH`, `environment:NAME`,
`package:NAME`, `python`, `platform`, `version`; the value is a digest or a version."""

_CHANGES = (
    ("source", "source_changed", "its code changed"),
    ("replay:", "definition_changed", "`{0}` changed"),
    ("input:", "input_changed", "`{0}` changed"),
    ("file:", "file_changed", "{0} changed"),
    ("module:", "module_changed", "{0} changed"),
    ("environment:", "environment_changed", "the environment variable {0} changed"),
    ("package:", "package_changed", "the package {0} changed"),
    ("python", "python_changed", "Python changed"),
    ("platform", "platform_changed", "the platform changed"),
    ("version", "nbflow_changed", "nbflow's fingerprints changed"),
)


def digest(parts: Parts) -> str:
    """The fingerprint itself: 64 hex digits.

    >>> digest({"a": "1", "b": "2"}) == digest({"b": "2", "a": "1"})
    True
    """
    text = json.dumps(sorted(parts.items()), ensure_ascii=True, separators=(",", ":"))
    return blake3(text.encode()).hexdigest()


def text_digest(text: str) -> str:
    """32 hex digits of a text (lone surrogates included)."""
    return blake3(text.encode("utf-8", "surrogatepass")).hexdigest(length=16)


def step_parts(
    step: Step,
    *,
    inputs: Mapping[str, str],
    files: Mapping[str, str],
    modules: Mapping[str, str],
    environment: Mapping[str, str],
    packages: Mapping[str, str],
    python: str,
    platform: str,
) -> dict[str, str]:
    """All parts of a step's fingerprint; every argument maps a name to a digest or version."""
    parts = {
        "version": FINGERPRINT_VERSION,
        "python": python,
        "platform": platform,
        "source": text_digest("\n\x00".join(normal_source(source) for source in step.sources)),
    }
    for replay in step.replays:
        key = f"replay:{', '.join(replay.names) or f'cell {replay.cell_index + 1}'}"
        parts[_free_key(key, parts)] = text_digest(normal_source(replay.source))
    for family, values in (
        ("input", inputs),
        ("file", files),
        ("module", modules),
        ("environment", environment),
        ("package", packages),
    ):
        parts.update({f"{family}:{name}": value for name, value in values.items()})
    options = step.options.raises_exception
    if options:
        parts["source"] = text_digest(parts["source"] + repr(options))
    return parts


def difference(old: Parts, new: Parts) -> tuple[str, str] | None:
    """The first thing that differs, as (reason code, message); None if nothing does.

    >>> difference({"file:a.csv": "1"}, {"file:a.csv": "2"})
    ('file_changed', 'a.csv changed')
    """
    changed = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    for prefix, code, message in _CHANGES:
        for key in sorted(changed):
            if key == prefix or (prefix.endswith(":") and key.startswith(prefix)):
                return code, message.format(key.partition(":")[2])
    return None


def normal_source(source: str) -> str:
    """The text that counts: comments, blank lines and layout do not; a final `;` does (it hides
    output).

    >>> normal_source("x=1  # one") == normal_source("x = 1")
    True
    >>> normal_source("x") == normal_source("x;")
    False
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return "\n".join(line.rstrip() for line in source.strip().splitlines())
    hides = bool(re.search(r";\s*(#.*)?$", source.rstrip()))
    return ast.dump(tree) + (";" if hides else "")


def replay_names(replays: tuple[Replay, ...]) -> tuple[str, ...]:
    """All names that the replays bind, in order."""
    return tuple(dict.fromkeys(str(name) for replay in replays for name in replay.names))


def _free_key(key: str, parts: Mapping[str, str]) -> str:
    """A name can be defined twice (a version each); both count."""
    while key in parts:
        key += "'"
    return key
