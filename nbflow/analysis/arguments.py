"""What a call is given, and which parameter of a notebook function each argument meets."""

from dataclasses import dataclass, field
from typing import Final

from nbflow.analysis.scopes import Callable_
from nbflow.analysis.values import NO_OBJECTS, UNKNOWN, Objects, Value, everything, join, strong

_OF_ONE: Final = (
    *("abs", "absolute", "arccos", "arcsin", "arctan", "cbrt", "ceil", "cos", "cosh"),
    *("deg2rad", "exp", "exp2", "expm1", "floor", "isfinite", "isinf", "isnan", "log", "log1p"),
    *("log2", "log10", "logical_not", "negative", "rad2deg", "rint", "sign", "sin", "sinh"),
    *("sqrt", "square", "tan", "tanh", "trunc"),
)
_OF_TWO: Final = (
    *("add", "arctan2", "divide", "equal", "floor_divide", "fmax", "fmin", "greater"),
    *("greater_equal", "heaviside", "hypot", "less", "less_equal", "logical_and", "logical_or"),
    *("logical_xor", "matmul", "maximum", "minimum", "mod", "multiply", "not_equal", "power"),
    *("remainder", "subtract", "true_divide", "dot", "round", "around"),
)
OUT_AT: Final = {**dict.fromkeys(_OF_ONE, 1), **dict.fromkeys(_OF_TWO, 2), "clip": 3}
"""Where functions of numpy take the array that they write their result into."""


@dataclass(slots=True)
class Arguments:
    """Positional and keyword arguments; `rest` is what `*args` and `**kwargs` may bring."""

    positional: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)
    rest: Value | None = None

    def get(self, key: str) -> Value | None:
        """An argument by position (`"0"`) or keyword."""
        if key.isdigit():
            index = int(key)
            return self.positional[index] if index < len(self.positional) else None
        return self.keywords.get(key)

    def first(self, *keys: str) -> Value | None:
        """The first of several positions or keywords that was given."""
        found = (self.get(key) for key in keys)
        return next((value for value in found if value is not None), None)

    def all(self) -> list[Value]:
        """Every argument."""
        values = [*self.positional, *self.keywords.values()]
        return values if self.rest is None else [*values, self.rest]

    def objects(self) -> Objects:
        """All objects that the arguments may be."""
        return NO_OBJECTS.union(*(strong(value) for value in self.all()))


def meet_parameters(
    node: Callable_, given: Arguments, defaults: dict[str, Value]
) -> dict[str, Value]:
    """Each parameter's value in a call; defaults where nothing is given."""
    names = node.args
    positional = [argument.arg for argument in (*names.posonlyargs, *names.args)]
    found = dict(zip(positional, given.positional, strict=False))
    keyword_names = {*positional, *(argument.arg for argument in names.kwonlyargs)}
    found.update({k: v for k, v in given.keywords.items() if k in keyword_names})
    extra = given.positional[len(positional) :]
    others = [v for k, v in given.keywords.items() if k not in keyword_names]
    for name in keyword_names - found.keys():
        default = defaults.get(name, UNKNOWN)
        found[name] = default if given.rest is None else join(default, _anything(given.rest))
    rest = [] if given.rest is None else [given.rest]
    if names.vararg is not None:
        found[names.vararg.arg] = _bundle("tuple", [*extra, *rest])
    if names.kwarg is not None:
        found[names.kwarg.arg] = _bundle("", [*others, *rest])
    return found


def _anything(value: Value) -> Value:
    return Value(objs=everything(value))


def _bundle(type: str, values: list[Value]) -> Value:
    return Value(type=type, objs=NO_OBJECTS.union(*(strong(value) for value in values)))
