"""The recipes: for every entry of the table of effects, how to call the real thing.

They are data (`recipes/*.toml`). A section has the same name as in effects.toml; in it, each key is
an expression and its value the names it is meant for:

    [module.numpy]
    "f(arr, arr2)" = "add subtract"
    [type.Column]
    receivers = "df s dates.dt"
    "f()" = "copy head"
    "! why it cannot be called here" = "to_clipboard"
    "? why no call shows what the table claims" = "set_flags"

`f` is the function, or the method of the receiver `r`; every other name is a fixture or a module.
`f(1) @ s dates.dt` names its own receivers. An attribute (`.T`) needs no expression. A name without
one is called as its section's `default` says. Where objects keep caches, the section's `probe` is
what later cells can see of them: a receiver counts as changed if its probe gives something else.
"""

import importlib
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nbflow.analysis.effects import Effects, Rule

DEFAULT = "f()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the table: `section` is a module, or one of our short types (`of_type`).

    wild: it is one of those that the `*` of its section stands for.
    """

    section: str
    name: str
    of_type: bool
    attribute: bool
    rule: Rule
    wild: bool = False

    @property
    def key(self) -> str:
        """The name as it stands in the table: attributes begin with a dot."""
        return f".{self.name}" if self.attribute else self.name

    def __str__(self) -> str:
        return f"{self.section}{'::' if self.of_type else '.'}{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The recipes of one section: `uses` and `excused` by name (attributes with their dot)."""

    default: str
    receivers: tuple[str, ...]
    probe: str
    uses: dict[str, tuple[str, ...]]
    unseen: frozenset[str]
    excused: dict[str, str]


def sections() -> dict[str, Section]:
    """All sections, by `module NAME` or `type NAME`."""
    found: dict[str, Section] = {}
    for file in sorted((Path(__file__).parent / "recipes").glob("*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for kind in ("module", "type"):
            for name, table in data.get(kind, {}).items():
                key = f"{kind} {name}"
                if key in found:
                    raise ValueError(f"{key} stands in two files, one of them {file.name}")
                found[key] = _section(table)
    return found


def _section(table: dict[str, Any]) -> Section:
    uses: dict[str, tuple[str, ...]] = {}
    unseen: set[str] = set()
    excused: dict[str, str] = {}
    for key, names in table.items():
        for name in names.split() if key not in ("default", "receivers", "probe") else ():
            if key.startswith("!"):
                excused[name] = key.removeprefix("!").strip()
            elif key.startswith("?"):
                unseen.add(name)
            else:
                uses[name] = (*uses.get(name, ()), key)
    return Section(
        default=table.get("default", DEFAULT),
        receivers=tuple(table.get("receivers", "").split()),
        probe=table.get("probe", ""),
        uses=uses,
        unseen=frozenset(unseen),
        excused=excused,
    )


def meant_by(star: Entry, known: Collection[str]) -> Iterator[Entry]:
    """What the `*` of a module stands for: its own public callables that no other entry names."""
    module = resolve(star.section)
    for name in getattr(module, "__all__", dir(module)):
        value = getattr(module, name, None)
        ours = name not in known and not name.startswith("_") and callable(value)
        if ours and (name[:1].isupper() or star.name == "*"):
            yield replace(star, name=name, wild=True)


def resolve(dotted: str) -> Any:
    """The module, or the class in a module, of that name.

    Raises:
        ImportError: there is none.
    """
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise ImportError(dotted)


def entries(effects: Effects) -> Iterator[Entry]:
    """All entries of the table."""
    tables = (
        (effects.functions, False, False),
        (effects.module_attributes, False, True),
        (effects.methods, True, False),
        (effects.attributes, True, True),
    )
    for table, of_type, attribute in tables:
        for section, rules in table.items():
            for name, rule in rules.items():
                yield Entry(
                    section=section, name=name, of_type=of_type, attribute=attribute, rule=rule
                )
