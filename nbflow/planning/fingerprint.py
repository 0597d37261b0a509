"""The fingerprint of a task: everything its result is a function of, hashed.

The parts stay readable (a flat mapping of text to text) so that nbflow can say *what* changed, not
only that something did.
"""

import ast
import json
from collections.abc import Mapping

from blake3 import blake3

from nbflow.core.step import Replay, Step
from nbflow.planning.canonical import canonical, is_plain_decorator, names_may_show

FINGERPRINT_VERSION = "3"
"""Raised whenever the meaning of a part changes: older results are then made again."""

Parts = Mapping[str, str]
"""Flat: `source`, `parameter:NAME`, `replay:NAME`, `input:NAME`, `file:PATH`, `module:PATH`,
`environment:NAME`, `package:NAME`, `folder`, `python`, `platform`, `version`; the value is a
digest, a version, or the text of a parameter's short value."""

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
    folder: str = "",
    names_show: bool = False,
) -> dict[str, str]:
    """All parts of a step's fingerprint; every mapping gives digests or versions by name.

    folder: where it runs, as far as its code may tell.
    names_show: code that the step uses besides its own may look at names of local variables.
    """
    texts = (*step.sources, *(replay.source for replay in step.replays))
    rename = not (names_show or any(map(names_may_show, texts)))
    parts = {
        "version": FINGERPRINT_VERSION,
        "python": python,
        "platform": platform,
        "source": _source_part(step, rename=rename),
    }
    for replay in step.replays:
        key, value = _replay_part(replay, step.parameters, rename=rename)
        parts[_free_key(key, parts)] = value
    # Modules of one's own may look at each other while they are imported.
    if step.knows_folder:
        parts["folder"] = folder
    if order := _order(step.replays, imports_matter=len(modules) > 1):
        parts["replays"] = text_digest(order)
    for family, values in (
        ("input", inputs),
        ("file", files),
        ("module", modules),
        ("environment", environment),
        ("package", packages),
    ):
        parts.update({f"{family}:{name}": value for name, value in values.items()})
    return parts


def _source_part(step: Step, *, rename: bool) -> str:
    """Where an error is expected, its traceback shows the lines as they are written."""
    expected = step.options.raises_exception
    if expected:
        return text_digest(repr((step.sources, expected)))
    return text_digest("\n\x00".join(canonical(s, rename=rename) for s in step.sources))


def _order(replays: tuple[Replay, ...], *, imports_matter: bool) -> str:
    """The order of what is replayed, as far as it matters: plain definitions of different names may
    stand in any order."""
    names = [name for replay in replays for name in replay.names]
    plain = (_is_plain(replay.source, imports_matter=imports_matter) for replay in replays)
    if len(names) == len(set(names)) and all(plain):
        return ""
    return "\x00".join(canonical(replay.source, rename=False) for replay in replays)


def _is_plain(source: str, *, imports_matter: bool) -> bool:
    """An import of certain names, a function, a class that registers nowhere, or a value."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return False
    return all(_may_stand_anywhere(node, imports_matter=imports_matter) for node in body)


def _may_stand_anywhere(node: ast.stmt, *, imports_matter: bool) -> bool:
    match node:
        case ast.FunctionDef(decorator_list=found) | ast.AsyncFunctionDef(decorator_list=found):
            return all(map(is_plain_decorator, found))
        case ast.ClassDef(decorator_list=found):
            return not (node.bases or node.keywords) and all(map(is_plain_decorator, found))
        case ast.Import():
            return not imports_matter
        case ast.ImportFrom(names=aliases):
            return not imports_matter and all(alias.name != "*" for alias in aliases)
    return isinstance(node, ast.Assign | ast.AnnAssign)


def replay_names(replays: tuple[Replay, ...]) -> tuple[str, ...]:
    """All names that the replays bind, in order."""
    return tuple(dict.fromkeys(str(name) for replay in replays for name in replay.names))


def _replay_part(replay: Replay, parameters: tuple[str, ...], *, rename: bool) -> tuple[str, str]:
    """A parameter's value is kept as it is written, where that is short: people read it."""
    names = ", ".join(replay.names) or f"cell {replay.cell_index + 1}"
    if names in parameters and (value := _assigned(replay.source)) is not None:
        shown = value if len(value) <= _LONGEST_VALUE else text_digest(value)
        return f"parameter:{names}", shown
    source = canonical(replay.source, rename=rename)
    # An import finds another world above a cell that sets environment variables than below it.
    return f"replay:{names}", text_digest("\x00".join((source, *replay.below)))


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
