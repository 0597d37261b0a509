"""The table of effects: what known callables do to what they are given, and what they give back.

The table itself is data, `effects.toml`. A section is a module (or a class in one), or one of our
short types; in it, each key is a behaviour and its value the names that behave so:

    [module.pandas]
    "DataFrame reads=0" = "read_csv read_parquet"
    [type.list]
    "None self keeps" = "append extend insert"

The first word of a behaviour is the type of the result (`?` unknown; `list[str]`; `tuple(A,B)`),
the others are flags, explained at `Rule`. A name that starts with a dot is an attribute, `*` is the
section's default, `*Upper` the default for names with a capital, and `plot*` for those that begin
so. What the section of a whole library names, it names for all modules of the library.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Final

NOW: Final = frozenset({"now", "today"})
TELL_THE_TIME: Final = frozenset(
    {"pandas.Timestamp", "pandas.to_datetime", "pandas.Period", "numpy.datetime64"}
)
"""They look at the clock where their first argument is one of `NOW`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a callable (or attribute) does.

    returns: type of the result, `same` for the receiver's. result: how it relates to what was
        given, besides being fresh: `view` (shares the receiver's objects), `parts` (is an element
        of the receiver), `args` (may be an argument), `holds` (holds the arguments), `elements`
        (its elements are those of the arguments and the receiver), `figure` (belongs to the cell's
        figures).
    mutates_self; mutates: changed arguments, by position or keyword; keeps: the receiver keeps the
        arguments. reads, writes: path arguments, by position or keyword.
    sets: ambient channels it changes; seeds: channels it sets anew; draws: channels it draws from;
    may_draw, seeded: it may draw (does draw) from numpy's generator unless `random_state` is given;
    chance: keywords with which it may. looks: channels it reads.
    words: `clock`, `network`, `subprocess`, `database`, `raises`, `input`, `displays`, `random`;
        `seedable` (random unless given an argument), `opens` (a path and a mode), `connects` (to a
        file).
    affine: why the result cannot leave its kernel. one_lane: why nothing can.
    """

    returns: str = ""
    result: frozenset[str] = frozenset()
    mutates_self: bool = False
    mutates: tuple[str, ...] = ()
    keeps: bool = False
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    draws: tuple[str, ...] = ()
    chance: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    affine: str | None = None
    one_lane: str | None = None


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The table, ready to be asked.

    functions: dotted module → name → rule; methods: type → name → rule; attributes: the same for
    what is not called. parents: type → types whose rules it shares. ambient: dotted name of a
    settings object → its channel. libraries: top-level modules that surely do not lie beside the
    notebook. proven: those whose values do what the names of their methods say. quiet: further ones
    that importing does nothing to others. counting: those that count what they make; counters:
    those whose count travels as a channel.
    """

    functions: Mapping[str, Mapping[str, Rule]]
    module_attributes: Mapping[str, Mapping[str, Rule]]
    methods: Mapping[str, Mapping[str, Rule]]
    attributes: Mapping[str, Mapping[str, Rule]]
    parents: Mapping[str, tuple[str, ...]]
    ambient: Mapping[str, str]
    libraries: frozenset[str]
    proven: frozenset[str]
    quiet: frozenset[str]
    counting: frozenset[str]
    counters: Mapping[str, str]

    def function(self, dotted: str) -> Rule | None:
        """The rule of a module's function or class: the longest section that knows it.

        >>> load_effects().function("pandas.read_csv").returns
        'DataFrame'
        """
        if dotted.startswith("pylab."):  # pyplot and numpy under one roof
            dotted = f"matplotlib.pyplot.{dotted.removeprefix('pylab.')}"
        section, _, name = dotted.rpartition(".")
        exact = self.functions.get(section, {}).get(name)
        if exact is not None:
            return exact
        while section:
            rules = self.functions.get(section, {})
            named = rules.get(name) if "." not in section and "*" in rules else None
            default = named or (rules.get("*Upper") if name[:1].isupper() else None)
            if default is None:
                default = rules.get("*")
            if default is not None:
                return default
            section = section.rpartition(".")[0]
        return None

    def names(self, dotted: str) -> bool:
        """Whether the table names that very function."""
        section, _, name = dotted.rpartition(".")
        return name in self.functions.get(section, {})

    def method(self, type: str, name: str) -> Rule | None:
        """The rule of a method of one of our types.

        >>> load_effects().method("Series", "to_frame").returns
        'DataFrame'
        """
        rule = self._of_type(self.methods, type, name)
        anything = type in _ANYTHING and rule is self.methods[_FOUND]["*"]
        return None if anything and name in self._changing else rule

    @cached_property
    def _changing(self) -> frozenset[str]:
        """Names of methods that change their receiver, of whichever type it is."""
        rules = ((name, rule) for table in self.methods.values() for name, rule in table.items())
        return frozenset(name for name, rule in rules if rule.mutates_self)

    def method_by_name(self, name: str) -> Rule | None:
        """The rule of a method whose receiver is not known: where all types that have it agree on
        what it does. What it gives may be what it is for any of them.

        >>> load_effects().method_by_name("corr").mutates_self
        False
        >>> load_effects().method_by_name("get") is None
        True
        """
        return self._agreed.get(name)

    @cached_property
    def _agreed(self) -> Mapping[str, Rule]:
        owners: dict[str, list[Rule]] = {}
        common: set[str] = set()
        for kind, rules in self.methods.items():
            if kind in _COMMON_TYPES:
                common |= rules.keys()
            for name, rule in rules.items():
                owners.setdefault(name, []).append(rule)
        return {
            name: _united(rules)
            for name, rules in owners.items()
            if name not in common | _COMMON_NAMES | {"*", "plot*"}
            and len({_deeds(rule) for rule in rules}) == 1
        }

    def changes_containers(self, name: str) -> bool:
        """Whether lists, dicts or sets have a method of that name that changes them.

        >>> load_effects().changes_containers("append")
        True
        """
        rules = (self.methods[kind].get(name) for kind in ("list", "dict", "set"))
        return any(rule is not None and rule.mutates_self for rule in rules)

    def attribute(self, type: str, name: str) -> Rule | None:
        """The rule of an attribute of one of our types."""
        return self._of_type(self.attributes, type, name)

    def module_attribute(self, dotted: str) -> Rule | None:
        """The rule of something in a module that is not called (`numpy.pi`)."""
        section, _, name = dotted.rpartition(".")
        return self.module_attributes.get(section, {}).get(name)

    def channel(self, dotted: str) -> str | None:
        """The ambient channel behind a settings object or one of its parts.

        >>> load_effects().channel("pandas.options.display.max_rows")
        '@pandas.options'
        """
        while dotted:
            if dotted in self.ambient:
                return self.ambient[dotted]
            dotted = dotted.rpartition(".")[0]
        return None

    def _of_type(
        self, table: Mapping[str, Mapping[str, Rule]], type: str, name: str
    ) -> Rule | None:
        default: Rule | None = None
        for kind in (type, *self.parents.get(type, ())):
            rules = table.get(kind, {})
            if name in rules:
                return rules[name]
            if name.startswith("plot") and "plot*" in rules:
                return rules["plot*"]
            default = default or rules.get("*")
        return default


_FOUND: Final = "Found"
_ANYTHING: Final = frozenset({_FOUND, "SMResults", "SMModel"})
"""Types of what statistics find: mostly results that only tell, but they may be tables or lists."""

_COMMON_TYPES: Final = frozenset(
    {
        *(
            "list",
            "dict",
            "set",
            "str",
            "bytes",
            "tuple",
            "file",
            "object",
            "connection",
            "session",
        ),
        *("archive", "ConfigParser", "Shelf", "DecimalContext"),
    }
)
"""Types whose methods have names that anything may have (`get`, `read`, `close`)."""


_COMMON_NAMES: Final = frozenset(
    {
        *("apply", "clone", "collect", "create", "filter", "first", "insert_into", "item", "last"),
        *("limit", "log", "order", "put", "save", "select", "show", "sql", "start", "submit"),
        *("take", "terminate", "train", "fill", "resize", "seed", "shutdown", "match", "search"),
    }
)
"""The same for single methods: things with a state of their own have them, too."""


def _deeds(rule: Rule) -> Rule:
    """What a rule says apart from what comes out."""
    return replace(rule, returns="", result=frozenset())


def _united(rules: list[Rule]) -> Rule:
    result = frozenset[str]().union(*(rule.result for rule in rules))
    kinds = {rule.returns for rule in rules}
    returns = kinds.pop() if len(kinds) == 1 else ""
    return replace(rules[0], returns="" if returns == "same" else returns, result=result)


@cache
def load_effects() -> Effects:
    """The table that comes with nbflow."""
    with Path(__file__).with_name("effects.toml").open("rb") as file:
        data = tomllib.load(file)
    functions, module_attributes = _sections(data["module"])
    methods, attributes = _sections(data["type"])
    return Effects(
        functions=functions,
        module_attributes=module_attributes,
        methods=methods,
        attributes=attributes,
        parents={kind: tuple(names.split()) for kind, names in data["parents"].items()},
        ambient={n: channel for channel, names in data["ambient"].items() for n in names.split()},
        libraries=frozenset(data["libraries"]["known"].split()),
        proven=frozenset(data["libraries"]["proven"].split()),
        quiet=frozenset(data["libraries"]["quiet"].split()),
        counting=frozenset(data["libraries"]["counting"].split()),
        counters=data["counters"],
    )


_Rules = dict[str, dict[str, Rule]]


def _sections(data: Mapping[str, Mapping[str, str]]) -> tuple[_Rules, _Rules]:
    """The sections' rules for names, and those for attributes."""
    rules: _Rules = {}
    attributes: _Rules = {}
    for section, behaviours in data.items():
        for behaviour, names in behaviours.items():
            rule = parse_rule(behaviour)
            for name in names.split():
                table = attributes if name.startswith(".") else rules
                table.setdefault(section, {})[name.removeprefix(".")] = rule
    return rules, attributes


def parse_rule(behaviour: str) -> Rule:
    """A behaviour's words as a rule.

    >>> parse_rule("None self keeps").mutates_self
    True
    >>> parse_rule("? writes=0 writes=path_or_buf").writes
    ('0', 'path_or_buf')
    """
    returns, *flags = behaviour.split()
    values: dict[str, list[str]] = {}
    words: set[str] = set()
    for flag in flags:
        head, equals, value = flag.partition("=")
        if equals:
            values.setdefault(head, []).append(value)
        else:
            words.add(head)
    if unknown := (set(values) - _FLAGS) | (words - _WORDS - _RESULTS):
        raise ValueError(f"unknown words {sorted(unknown)} in {behaviour!r}")
    return Rule(
        returns="" if returns == "?" else returns,
        result=frozenset(words & _RESULTS),
        mutates_self="self" in words,
        mutates=tuple(values.get("arg", ())),
        keeps="keeps" in words,
        reads=tuple(values.get("reads", ())),
        writes=tuple(values.get("writes", ())),
        sets=tuple(values.get("sets", ())),
        seeds=tuple(values.get("seeds", ())),
        draws=tuple(values.get("draws", ())),
        chance=tuple(values.get("chance", ())),
        looks=tuple(values.get("looks", ())),
        words=frozenset(words - _RESULTS),
        affine=_sentence(values.get("affine")),
        one_lane=_sentence(values.get("one_lane")),
    )


_RESULTS: Final = frozenset({"view", "parts", "args", "holds", "elements", "figure"})
_WORDS: Final = frozenset(
    {
        *("clock", "network", "subprocess", "database", "raises", "input", "displays", "random"),
        *("seedable", "seeded", "may_draw", "opens", "connects", "self", "keeps"),
    }
)
_FLAGS: Final = frozenset(
    {"arg", "reads", "writes", "sets", "seeds", "draws", "chance", "looks", "affine", "one_lane"}
)


def _sentence(values: list[str] | None) -> str | None:
    return values[0].replace("_", " ") if values else None
