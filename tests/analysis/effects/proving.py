"""Proves entries of the table of effects: runs their recipes, and collects what is against them."""

import ast
import builtins
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from fixtures import FIXTURES, PATHS, make
from judging import Judged, claims, complaints, evidence, short_type
from observing import Observation, Watcher
from recipes import Entry, Section, resolve

from nbflow.analysis.effects import Effects
from nbflow.inside.digest import digest


class NotHere(Exception):
    """This receiver has no such member, or another rule for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the recipes of an entry showed. calls: how many were made; wrong: what the rule forbids
    and happened; unseen: what it claims and no call showed."""

    calls: int
    wrong: tuple[str, ...]
    unseen: frozenset[str]


def prove(entry: Entry, section: Section, effects: Effects, watcher: Watcher) -> Proof:
    """Run every recipe of an entry."""
    wrong: list[str] = []
    shown: set[str] = set()
    calls = 0
    for receiver, expression in _calls_of(entry, section):
        try:
            judged = _judge(entry, receiver, expression, effects, watcher)
            _probe(judged, section.probe, receiver)
        except NotHere:
            continue
        calls += 1
        on = f" on {receiver}" if receiver else ""
        wrong += [f"{expression}{on}: {complaint}" for complaint in complaints(judged)]
        shown |= evidence(judged)
    unseen = set() if entry.wild or entry.key in section.unseen else claims(entry.rule) - shown
    return Proof(calls=calls, wrong=tuple(wrong), unseen=frozenset(unseen))


def _calls_of(entry: Entry, section: Section) -> Iterator[tuple[str, str]]:
    """Receivers and expressions: `f(1) @ s df` has its own receivers, others the section's."""
    for expression in section.uses.get(entry.key, (section.default,)):
        body, _, own = expression.partition(" @ ")
        receivers = tuple(own.split()) or section.receivers
        for receiver in receivers if entry.of_type else ("",):
            yield receiver, body


def _judge(
    entry: Entry, receiver: str, expression: str, effects: Effects, watcher: Watcher
) -> Judged:
    tree = ast.parse("f()" if entry.attribute else expression, mode="eval")
    names = names_in(tree) | names_in(ast.parse(receiver))
    files = bool(names & set(PATHS))
    if files:
        watcher.fill(watcher.folder)
    values = {name: make(name) for name in sorted(names)}
    called = _called(entry, receiver, values, effects)

    def run(into: Observation) -> None:
        made = {"r": called.target, "f": watcher.watched(called.function, called.root, into)}
        eval(compile(tree, "<recipe>", "eval"), {**values, **made})

    staged = not expression.startswith("f(") and not entry.attribute
    seen = watcher.observe(run, files=files, staged=staged, view="view" in entry.rule.result)
    return Judged(rule=entry.rule, seen=seen, static=called.static, target=called.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Called:
    """What a recipe calls. root: the fixture that the receiver `target` is, or is a part of;
    static: the receiver's short type."""

    function: Callable[..., Any]
    target: Any = None
    root: Any = None
    static: str = ""


def _called(entry: Entry, receiver: str, values: dict[str, Any], effects: Effects) -> _Called:
    if not entry.of_type:
        module = resolve(entry.section)
        return _Called(function=_member(module, entry), target=module)
    target = eval(receiver, dict(values))
    static = _static_type(target) or entry.section
    _check_rule(entry, target, static, effects)
    root = values[_root(receiver)]
    root = target if isinstance(root, types.ModuleType) else root
    return _Called(function=_member(target, entry), target=target, root=root, static=static)


def _member(owner: Any, entry: Entry) -> Callable[..., Any]:
    """The function or method; for an attribute, a function that looks at it."""
    if entry.attribute:
        return lambda: getattr(owner, entry.name)
    member: Callable[..., Any] = getattr(owner, entry.name)
    return member


def _static_type(target: Any) -> str:
    if isinstance(target, np.ndarray) and target.dtype == object:
        return "Axes"  # what plt.subplots(1, 2) gives
    return short_type(target)


def _probe(judged: Judged, probe: str, receiver: str) -> None:
    """Whether what the receiver shows now is what a fresh one shows."""
    seen = judged.seen
    if probe and seen.differs("receiver") and not judged.rule.mutates_self:
        values = {name: make(name) for name in names_in(ast.parse(receiver))}
        fresh = eval(probe, {"r": eval(receiver, values)})
        used = eval(probe, {"r": judged.target})
        seen.probed = digest(fresh) != digest(used)
        seen.has_probe = True


def _check_rule(entry: Entry, target: Any, static: str, effects: Effects) -> None:
    table = effects.attribute if entry.attribute else effects.method
    if table(static, entry.name) is not entry.rule:
        raise NotHere
    if not hasattr(target, entry.name):
        raise NotHere


def _root(receiver: str) -> str:
    return next(n.id for n in ast.walk(ast.parse(receiver)) if isinstance(n, ast.Name))


def names_in(tree: ast.AST) -> set[str]:
    """The names of fixtures and modules in an expression.

    >>> names_in(ast.parse("f(df.x, key=lambda v: len(v))"))
    {'df'}
    """
    inner = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    inner |= {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    found = {node.id for node in nodes} - inner - {"f", "r"}
    return {name for name in found if name in FIXTURES or not hasattr(builtins, name)}
