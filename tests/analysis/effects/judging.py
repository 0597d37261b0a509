"""What a rule of the table says about an observed call, held against what happened."""

import numbers
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from observing import Key, Observation, look

from nbflow.analysis.effects import Rule
from nbflow.analysis.values import IMMUTABLE, ONE_SHOT, TABLES

GENERIC = frozenset({"out", "ax", "inplace"})
"""Keywords by which any callable may be told to change something."""

CACHING = frozenset({"GroupBy", "SMResults"})
"""Types that keep what they computed. As receivers they are judged by a probe: what they show with
and without earlier calls is the same, so that a filled cache is no change for later cells."""

RESOURCES = frozenset(
    {"file", "archive", "Shelf", "connection", "cursor", "session", "process", "thread", "duckdb"}
)

CHANCE = frozenset({"clock", "random", "network", "database", "subprocess"})
"""Words of rules whose results may differ from call to call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A rule and the call that it is held against. `static`: the type that analysis knows of the
    receiver, `target`."""

    rule: Rule
    seen: Observation
    static: str = ""
    target: Any = None

    @property
    def returns(self) -> str:
        """The short type of the result: `same` is the receiver's, or the first argument's."""
        if self.rule.returns != "same":
            return self.rule.returns
        return self.static or short_type(self.seen.given.get("0"))


def complaints(judged: Judged) -> Iterator[str]:
    """Everything that happened and is not allowed by the rule."""
    if judged.rule.one_lane is not None:
        return
    yield from _changes(judged)
    yield from _relations(judged)
    yield from _kept(judged)
    yield from _surroundings(judged)
    yield from _files(judged)
    if "inplace" not in judged.seen.given:
        yield from disagreements(judged.returns, judged.seen.result)


def evidence(judged: Judged) -> set[str]:
    """The claims of the rule that this call shows to be true."""
    rule, seen = judged.rule, judged.seen
    shown = {f"channel {channel}" for channel in seen.channels}
    if any(seen.differs(key) or _closed(seen, key) for key in rule.mutates):
        shown.add("arg")
    if seen.differs("receiver") or _closed(seen, "receiver"):
        shown.add("self")
    if seen.written:
        shown.add("writes")
    if any(_keeps(judged)):
        shown.add("keeps")
    return shown


def claims(rule: Rule) -> set[str]:
    """What a rule says that must be seen at least once, to be more than a guess."""
    found = {f"channel {c}" for c in (*rule.sets, *rule.seeds, *rule.draws)}
    said = {"arg": rule.mutates, "writes": rule.writes, "self": rule.mutates_self}
    return found | {claim for claim, values in said.items() if values}


def _closed(seen: Observation, key: Key) -> bool:
    """What has no content that could be compared: open files, iterators, connections."""
    return key in seen.given and key not in seen.before


# -- what was changed ------------------------------------------------------------------------------


def _changes(judged: Judged) -> Iterator[str]:
    rule, seen = judged.rule, judged.seen
    inplace = seen.given.get("inplace") is True
    for key in seen.before:
        if not seen.differs(key):
            continue
        if key == "receiver":
            allowed = rule.mutates_self or inplace
        else:
            allowed = key in rule.mutates or key in GENERIC or key in (*rule.reads, *rule.writes)
            allowed = allowed or short_type(seen.given[key]) in ONE_SHOT
            allowed = allowed or (rule.keeps and key == "0" and "receiver" not in seen.given)
        if key != "receiver" and short_type(seen.given[key]) in CACHING:
            continue
        if not allowed and seen.changed(key):
            yield f"{key} changes"


# -- what the result has to do with what was given -------------------------------------------------


def _relations(judged: Judged) -> Iterator[str]:
    seen = judged.seen
    if "inplace" in seen.given:
        return
    for key in seen.given:
        if seen.result is not seen.given[key] and not seen.touches("result", key):
            continue
        if not _may_share(judged, key):
            yield f"the result ({type(seen.result).__name__}) shares with {key}"
    if judged.returns in IMMUTABLE and _is_mutable(seen):
        yield f"said to be a {judged.returns}, the result is a mutable {type(seen.result).__name__}"


def _may_share(judged: Judged, key: Key) -> bool:
    rule, seen = judged.rule, judged.seen
    value = seen.given[key]
    if _is_harmless(value):
        return True
    result = rule.result
    if key == "receiver" and ("view" in result):
        return True
    if key != "receiver" and result & {"args", "holds"}:
        return seen.result is not value or "args" in result
    if rule.keeps and "view" in result:
        return True  # the receiver is given back, with what it keeps now
    if key == "ax" and "figure" in result:
        return True  # who draws on given axes gives them back
    if "elements" in result and not key.isdigit() and key != "receiver":
        return True  # what keywords give are elements themselves: dict(a=…)
    if "elements" in result or ("parts" in result and key == "receiver"):
        return seen.result is not value and not _met(seen, key)
    # A table made from tables may hold their elements: analysis takes that for granted.
    return judged.returns in TABLES and seen.result is not value


def _met(seen: Observation, key: Key) -> bool:
    """Whether the result holds that very object, not only its elements."""
    return seen.whole is not None and id(seen.given[key]) in seen.whole.met


_HARMLESS = (type(None), str, bytes, numbers.Number, np.generic, pd.Timestamp, pd.Timedelta, type)


def _is_harmless(value: Any) -> bool:
    if type(value) is tuple:
        return all(_is_harmless(part) for part in value)
    return isinstance(value, (*_HARMLESS, frozenset)) or _is("sympy.Basic")(value)


def _is_mutable(seen: Observation) -> bool:
    mutable = (list, dict, set, bytearray, np.ndarray, pd.DataFrame, pd.Series)
    return isinstance(seen.result, mutable)


def _kept(judged: Judged) -> Iterator[str]:
    if judged.rule.keeps:
        return
    for one, other in _keeps(judged):
        yield f"{one} keeps {other}"


def _keeps(judged: Judged) -> Iterator[tuple[Key, Key]]:
    """Pairs of those given that have something in common only since the call."""
    seen = judged.seen
    keys = [key for key in seen.given if key in seen.after and not _is_harmless(seen.given[key])]
    for place, one in enumerate(keys):
        for other in keys[place + 1 :]:
            before, after = seen.before, seen.touches(one, other)
            if after and seen.given[one] is not seen.given[other]:
                if before[one].met & before[other].met:
                    continue
                yield one, other


# -- the rest of the world -------------------------------------------------------------------------


def _surroundings(judged: Judged) -> Iterator[str]:
    rule, seen = judged.rule, judged.seen
    allowed = {*rule.sets, *rule.seeds, *rule.draws}
    if rule.words & {"may_draw", "seeded"}:
        allowed.add("@numpy.random")
    for channel in sorted(seen.channels - allowed):
        yield f"{channel} changes"
    for event in sorted(seen.outside - rule.words):
        if not (event == "database" and "connects" in rule.words):
            yield f"it is seen to use {event}"
    if seen.printed and "displays" not in rule.words:
        yield "it prints"
    pictures = "figure" in rule.result or "displays" in rule.words or rule.mutates_self
    if seen.drawn and not pictures:
        yield "pyplot's figures change"


def _files(judged: Judged) -> Iterator[str]:
    rule, seen = judged.rule, judged.seen
    handled = bool(rule.words & {"opens", "connects", "subprocess"})
    handled = handled or any(short_type(value) in RESOURCES for value in seen.given.values())
    if seen.written and not (rule.writes or handled):
        yield f"it writes {sorted(seen.written)}"
    if seen.touched and not (rule.reads or rule.writes or handled):
        yield f"it opens {sorted(seen.touched)}"


# -- types -----------------------------------------------------------------------------------------


def disagreements(returns: str, result: Any) -> Iterator[str]:
    """Why a result is not of the type that the table says."""
    outer, bracket, inner = returns.partition("[")
    if bracket:
        yield from disagreements(outer, result)
        for part in result if isinstance(result, list | tuple) else ():
            yield from disagreements(inner.rstrip("]"), part)
        return
    outer, parenthesis, inner = returns.partition("(")
    if parenthesis:
        for kind, part in zip(inner.rstrip(")").split(","), result, strict=True):
            yield from disagreements(kind, part)
        return
    agrees = AGREES.get(outer)
    if outer not in IMMUTABLE and isinstance(result, _HARMLESS):
        return  # nobody can change it, whatever it is taken for
    if agrees is None and outer:
        yield f"no class is known for the type {outer}"
    elif agrees is not None and not agrees(result):
        yield f"said to be {outer}, the result is a {_class_name(result)}"


def _class_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _is(*classes: str) -> Callable[[Any], bool]:
    """A test for instances of classes that are named, not imported."""

    def test(value: Any) -> bool:
        names = {f"{c.__module__.partition('.')[0]}.{c.__qualname__}" for c in type(value).__mro__}
        return bool(names & set(classes))

    return test


def _number(value: Any) -> bool:
    return isinstance(value, numbers.Number | np.number | np.bool_)


def _array(value: Any) -> bool:
    """An array, what numpy gives for one element, or several arrays. numpy's functions of tables
    give tables, whose methods are no more dangerous."""
    if isinstance(value, tuple | list):
        return all(_array(part) for part in value)
    scalars = (np.ndarray, np.generic, numbers.Number, pd.DataFrame, pd.Series)
    return isinstance(value, scalars) or "ExtensionArray" in str(type(value).__mro__)


def _scalar(value: Any) -> bool:
    if isinstance(value, list | dict | set | np.ndarray | pd.DataFrame | pd.Series | bytearray):
        return False
    whole = look(value)
    if isinstance(value, _HARMLESS):
        return True
    return whole is None or not whole.met or _class_name(value).startswith(_CONSTANT)


_CONSTANT = ("polars", "sympy", "re.", "pandas._libs.tslibs", "pandas.api.typing")


def _iterable(value: Any) -> bool:
    return hasattr(value, "__next__") or hasattr(value, "__iter__")


def _anything(value: Any) -> bool:
    return True


_ACCESSORS = (
    *("pandas.StringMethods", "pandas.DatetimeProperties", "pandas.CategoricalAccessor"),
    *(
        "pandas.TimedeltaProperties",
        "pandas.PeriodProperties",
        "pandas.CombinedDatetimelikeProperties",
    ),
    *("pandas.SparseAccessor", "pandas.SparseFrameAccessor", "pandas.ListAccessor"),
    *("pandas.StructAccessor", "pandas.Properties"),
)
_WINDOWS = (
    *("pandas.GroupBy", "pandas.BaseWindow", "pandas.RollingAndExpandingMixin"),
    *("pandas.Resampler", "pandas.BaseGroupBy", "pandas.ExponentialMovingWindow"),
)

AGREES: dict[str, Callable[[Any], bool]] = {
    "None": lambda v: v is None,
    "int": lambda v: isinstance(v, int | np.integer),
    "float": lambda v: isinstance(v, int | float | np.floating),
    "complex": lambda v: isinstance(v, numbers.Complex),
    "number": _number,
    "bool": lambda v: isinstance(v, bool | np.bool_),
    "str": lambda v: isinstance(v, str),
    "bytes": lambda v: isinstance(v, bytes),
    "bytearray": lambda v: isinstance(v, bytearray),
    "list": lambda v: isinstance(v, list) or _is("collections.deque")(v),
    "tuple": lambda v: isinstance(v, tuple),
    "shape": lambda v: isinstance(v, tuple | int),
    "dict": lambda v: isinstance(v, dict) or hasattr(v, "keys") or _is("pandas.Flags")(v),
    "frozenset": lambda v: isinstance(v, frozenset),
    "set": lambda v: isinstance(v, set | frozenset),
    "deque": _is("collections.deque"),
    "Counter": _is("collections.Counter"),
    "OrderedDict": _is("collections.OrderedDict"),
    "defaultdict": _is("collections.defaultdict"),
    "scalar": _scalar,
    "range": lambda v: isinstance(v, range),
    "slice": lambda v: isinstance(v, slice),
    "class": lambda v: isinstance(v, type | BaseException) or callable(v),
    "function": callable,
    "object": lambda v: type(v) is object,
    "property": lambda v: isinstance(v, property | staticmethod | classmethod),
    "module": lambda v: type(v).__name__ == "module",
    "iterator": _iterable,
    "generator": _iterable,
    "ndarray": _array,
    "dtype": lambda v: hasattr(v, "kind") or isinstance(v, pd.Series | list | np.dtype),
    "DataFrame": lambda v: isinstance(v, pd.DataFrame),
    "Series": lambda v: isinstance(v, pd.Series) or _is(*_ACCESSORS)(v),
    "NDFrame": lambda v: isinstance(v, pd.DataFrame | pd.Series) or _is(*_ACCESSORS)(v),
    "Index": lambda v: isinstance(v, pd.Index | list) or _is(*_ACCESSORS)(v),
    "GroupBy": _is(*_WINDOWS),
    "Rolling": _is(*_WINDOWS),
    "Indexer": lambda v: "Indexer" in type(v).__name__,
    "Plot": lambda v: "Plot" in type(v).__name__,
    "Timestamp": lambda v: isinstance(v, pd.Timestamp),
    "Timedelta": lambda v: (
        isinstance(v, pd.Timedelta) or _is("pandas.DateOffset", "pandas.BaseOffset")(v)
    ),
    "Period": lambda v: isinstance(v, pd.Period),
    "date": _is("datetime.date"),
    "datetime": _is("datetime.datetime"),
    "time": _is("datetime.time", "time.struct_time"),
    "timedelta": _is("datetime.timedelta"),
    "timezone": _is("datetime.tzinfo"),
    "Decimal": _is("decimal.Decimal"),
    "Fraction": _is("fractions.Fraction"),
    "UUID": _is("uuid.UUID"),
    "Path": _is("pathlib.PurePath"),
    "Pattern": _is("re.Pattern"),
    "Hash": lambda v: hasattr(v, "hexdigest"),
    "Generator": lambda v: (
        _is("numpy.Generator", "numpy.RandomState", "random.Random")(v)
        or _is("numpy.SeedSequence", "numpy.BitGenerator")(v)
    ),
    "Figure": _is("matplotlib.FigureBase"),
    "Axes": _anything,  # its rules fear the worst, whatever it is
    "Artist": _anything,
    "Grid": _is("seaborn.Grid", "seaborn.JointGrid", "seaborn._BaseGrid"),
    "Estimator": _is("sklearn.BaseEstimator"),
    "Keeper": _is("sklearn.BaseEstimator"),
    "Graph": _is("networkx.Graph"),
    "SMModel": _is("statsmodels.Model"),
    "SMResults": lambda v: type(v).__module__.startswith("statsmodels"),
    "Splitter": lambda v: hasattr(v, "get_n_splits"),
    "ContextManager": lambda v: hasattr(v, "__enter__"),
    "Suppressor": lambda v: hasattr(v, "__enter__"),
    "PolarsFrame": lambda v: type(v).__module__.startswith("polars"),
    "file": lambda v: hasattr(v, "read") or hasattr(v, "write") or hasattr(v, "close"),
    "archive": _is("zipfile.ZipFile", "tarfile.TarFile"),
    "ConfigParser": _is("configparser.RawConfigParser"),
    "Shelf": _is("shelve.Shelf"),
    "DecimalContext": _is("decimal.Context"),
    "connection": lambda v: hasattr(v, "close") or hasattr(v, "dispose") or hasattr(v, "cursor"),
    "cursor": lambda v: hasattr(v, "fetchall"),
    "session": lambda v: hasattr(v, "close"),
    "duckdb": lambda v: "duckdb" in type(v).__module__,
    "relation": lambda v: type(v).__name__ == "DuckDBPyRelation",
    "executor": lambda v: hasattr(v, "submit") or hasattr(v, "apply"),
    "thread": lambda v: hasattr(v, "start"),
    "process": lambda v: hasattr(v, "poll"),
    "lock": _anything,
    "queue": lambda v: hasattr(v, "put"),
    "local": _anything,
    "loop": _anything,
    "task": _anything,
    "socket": lambda v: hasattr(v, "close"),
    "Logger": lambda v: hasattr(v, "handlers"),
    "Message": _is("email.EmailMessage"),
    "ArgumentParser": _is("argparse.ArgumentParser"),
    "PlotlyFigure": _anything,
    "DisplayHandle": _anything,
}
"""What results of each short type may be."""

_SHORT: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("None", lambda v: v is None),
    ("bool", lambda v: isinstance(v, bool)),
    ("int", lambda v: type(v) is int),
    ("float", lambda v: type(v) is float),
    ("str", lambda v: type(v) is str),
    ("bytes", lambda v: type(v) is bytes),
    *((kind, AGREES[kind]) for kind in ("Counter", "defaultdict", "OrderedDict", "deque")),
    ("file", lambda v: _is("_io._IOBase")(v)),
    ("archive", AGREES["archive"]),
    ("Shelf", AGREES["Shelf"]),
    ("ConfigParser", AGREES["ConfigParser"]),
    ("DecimalContext", AGREES["DecimalContext"]),
    ("cursor", lambda v: type(v).__module__ == "sqlite3" and type(v).__name__ == "Cursor"),
    ("iterator", lambda v: hasattr(v, "__next__")),
    ("list", lambda v: isinstance(v, list)),
    ("dict", lambda v: isinstance(v, dict)),
    ("tuple", lambda v: type(v) is tuple),
    ("set", lambda v: isinstance(v, set)),
    ("frozenset", lambda v: isinstance(v, frozenset)),
    ("ndarray", lambda v: isinstance(v, np.ndarray)),
    ("DataFrame", AGREES["DataFrame"]),
    ("Series", lambda v: isinstance(v, pd.Series) or _is(*_ACCESSORS)(v)),
    ("Index", lambda v: isinstance(v, pd.Index)),
    ("GroupBy", AGREES["GroupBy"]),
    ("Plot", lambda v: type(v).__name__ == "PlotAccessor"),
    ("Timestamp", AGREES["Timestamp"]),
    ("Timedelta", AGREES["Timedelta"]),
    ("Period", AGREES["Period"]),
    ("datetime", AGREES["datetime"]),
    ("date", AGREES["date"]),
    ("timedelta", AGREES["timedelta"]),
    ("Path", AGREES["Path"]),
    ("Pattern", AGREES["Pattern"]),
    ("Generator", AGREES["Generator"]),
    ("Figure", AGREES["Figure"]),
    ("Axes", _is("matplotlib._AxesBase", "matplotlib.Axes")),
    ("Artist", _is("matplotlib.Artist")),
    ("Grid", AGREES["Grid"]),
    ("Keeper", _is("sklearn.KNeighborsMixin")),
    ("Estimator", AGREES["Estimator"]),
    ("Graph", AGREES["Graph"]),
    ("SMModel", AGREES["SMModel"]),
    ("SMResults", AGREES["SMResults"]),
    ("relation", AGREES["relation"]),
    ("duckdb", lambda v: type(v).__name__ == "DuckDBPyConnection"),
    ("Decimal", AGREES["Decimal"]),
    ("Fraction", AGREES["Fraction"]),
    ("Hash", AGREES["Hash"]),
    ("connection", lambda v: type(v).__module__ == "sqlite3"),
)


def short_type(value: Any) -> str:
    """The short type that analysis would best know of a value; empty if none."""
    return next((kind for kind, test in _SHORT if test(value)), "")


def members(value: Any) -> Iterable[str]:
    """What people may call or look at."""
    return (name for name in dir(value) if not name.startswith("_"))
