"""The fingerprint of a task: everything its result is a function of, hashed.

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
"""Flat: `source`, `parameter:NAME`, `replay:NAME`, `input:NAME`, `file:PATH`, `module:PATH`,
`environment:NAME`, `package:NAME`, `python`, `platform`, `version`; the value is a digest, a
version, or the text of a parameter's short value."""

_LONGEST_VALUE = 60


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
        key, value = _replay_part(replay, step.parameters)
        parts[_free_key(key, parts)] = value
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


def _replay_part(replay: Replay, parameters: tuple[str, ...]) -> tuple[str, str]:
    """A parameter's value is kept as it is written, where that is short: people read it."""
    names = ", ".join(replay.names) or f"cell {replay.cell_index + 1}"
    if names in parameters and (value := _assigned(replay.source)) is not None:
        shown = value if len(value) <= _LONGEST_VALUE else text_digest(value)
        return f"parameter:{names}", shown
    return f"replay:{names}", text_digest(normal_source(replay.source))


def _assigned(source: str) -> str | None:
    """The expression that a source of one assignment binds.

    >>> _assigned("day: str = 'mon'  # which day"), _assigned("def day(): ...")
    ("'mon'", None)
    """
    match ast.parse(source).body:
        case [ast.Assign(targets=[ast.Name()], value=value)]:
            return ast.unparse(value)
        case [ast.AnnAssign(target=ast.Name(), value=ast.expr() as value)]:
            return ast.unparse(value)
    return None


def _free_key(key: str, parts: Mapping[str, str]) -> str:
    """A name can be defined twice (a version each); both count."""
    while key in parts:
        key += "'"
    return key
