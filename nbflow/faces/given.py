"""Parameters as the command line gives them: `-p NAME VALUE` is text, `-f params.yaml` is typed.

What type a text means is not decided here: the notebook's parameters cell says so.
"""

import keyword
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nbflow.core.errors import UsageError

# A file of parameters is small; a bigger one is the wrong file.
_MOST_BYTES: Final = 10_000_000


def gather(pairs: Sequence[tuple[str, str]], file: Path | None) -> dict[str, Any]:
    """All parameters; `-p` wins over the file.

    Raises:
        UsageError: a name that is no identifier or stands twice, a file that cannot be used.
    """
    from_file = read_file(file) if file else {}
    return {**from_file, **from_pairs(pairs)}


def from_pairs(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The `-p` options.

    >>> from_pairs([("day", "2026-01-05"), ("limit", "-1")])
    {'day': '2026-01-05', 'limit': '-1'}
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        check_name(name)
        if name in given:
            raise UsageError(f"the parameter {name!r} is given twice", hint="give it once")
        given[name] = value
    return given


def check_name(name: object) -> str:
    """The name, if Python can bind it.

    Raises:
        UsageError: it is no identifier.
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} cannot be a parameter's name",
            hint="a parameter is a variable of the parameters cell; `nbflow show` lists them",
        )
    return name


def read_file(path: Path) -> dict[str, Any]:
    """The parameters in a YAML (or JSON) file, a mapping of names to values.

    Raises:
        UsageError: it cannot be read, is no mapping, or names something twice.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{path} is too big to be a file of parameters")
    values = _parse(content, path)
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise UsageError(
            f"{path} holds no parameters", hint="write lines such as `day: 2026-01-05`"
        )
    return {check_name(name): value for name, value in values.items()}


def _parse(content: bytes, path: Path) -> Any:
    import yaml

    try:
        _refuse_surprises(yaml.compose(content, Loader=yaml.SafeLoader), path)
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UsageError(f"{path}{where}: not YAML: {problem}") from error


def _refuse_surprises(root: Any, path: Path) -> None:
    """YAML readers silently keep the last of two equal keys, and an alias can make a few lines
    stand for billions of values."""
    seen: set[int] = set()
    waiting = [root] if root is not None else []
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            raise _refusal(node, path, "aliases (`*name`) are not taken in parameters")
        seen.add(id(node))
        if node.id == "mapping":
            _refuse_repeats(node, path)
            waiting += [part for pair in node.value for part in pair]
        elif node.id == "sequence":
            waiting += node.value


def _refuse_repeats(mapping: Any, path: Path) -> None:
    seen: set[str] = set()
    for key, _ in mapping.value:
        if str(key.value) in seen:
            raise _refusal(key, path, f"{key.value!r} is given twice")
        seen.add(str(key.value))


def _refusal(node: Any, path: Path, problem: str) -> UsageError:
    return UsageError(f"{path}, line {node.start_mark.line + 1}: {problem}")
