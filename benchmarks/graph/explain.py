"""Missing and extra direct edges of a notebook: their causes, the lines concerned, and counts."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.graph.notebooks import Sample
from benchmarks.graph.predict import Prediction, Why
from benchmarks.graph.trace import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One direct edge that is missing or extra, with all that is known of it."""

    kind: str
    sample: Sample
    writer: int
    reader: int
    why: tuple[Why, ...]

    def causes(self) -> list[str]:
        """What brought it about, in words that other notebooks share."""
        if self.kind == "missing":
            return [f"missing: {one}" for one in self.why]
        return [f"{one.kind}: {self._origin(one)}" for one in self.why]

    def _origin(self, why: Why) -> str:
        channels = [name for name in why.names if name.startswith(("@", "file:"))]
        lines = self.sample.sources[self.writer].splitlines()
        line = lines[why.from_line - 1] if why.from_line and why.from_line <= len(lines) else ""
        return " ".join([*channels[:1], "by", ", ".join(calls_in(line)) or line.strip()[:40]])

    def lines(self) -> Iterator[str]:
        """The edge for people; cells are numbered as in the notebook, from 1 over all cells."""
        writer, reader = (self.sample.indexes[cell] + 1 for cell in (self.writer, self.reader))
        words = "; ".join(str(one) for one in self.why)
        yield f"{self.kind.upper()} cell {writer} → cell {reader}: {words}"
        yield from _shown(self.sample.sources[self.writer], self.why, "from_line", "writes")
        yield from _shown(self.sample.sources[self.reader], self.why, "to_line", "reads")


def wrong_edges(sample: Sample, truth: Truth, prediction: Prediction) -> Iterator[Wrong]:
    """Direct edges that the other side does not even imply; what is not known is left out."""
    true, guess = truth.ancestors(), prediction.ancestors(chain=False)
    for reader in range(truth.cells):
        if reader in truth.unscored or reader in truth.unverified:
            continue
        for writer, names in sorted(truth.edges[reader].items()):
            if writer not in guess[reader]:
                why = Why(kind="trace", names=tuple(dict.fromkeys(names)))
                yield Wrong(kind="missing", sample=sample, writer=writer, reader=reader, why=(why,))
        for writer, reasons in sorted(prediction.edges.get(reader, {}).items()):
            if writer not in true[reader]:
                why_all = tuple(dict.fromkeys(reasons))
                yield Wrong(kind="extra", sample=sample, writer=writer, reader=reader, why=why_all)


def explained(sample: Sample, truth: Truth, prediction: Prediction) -> list[str]:
    """Lines for people about one notebook."""
    lines = [f"== {sample.name}"]
    lines += [f"   one lane: {reason}" for reason in prediction.one_lane]
    lines += [f"   error: {error}" for error in prediction.errors]
    for cell, reason in sorted({**truth.unscored, **truth.unverified}.items()):
        lines.append(f"   cell {sample.indexes[cell] + 1} is not scored: {reason}")
    for wrong in wrong_edges(sample, truth, prediction):
        lines += wrong.lines()
    return lines


def calls_in(line: str) -> list[str]:
    """The callables that a line of code names; methods by their bare name.

    >>> calls_in("ols = sm.OLS(y, X).fit(  # a comment")
    ['sm.OLS', '.fit']
    """
    code = line.split("#")[0].strip()
    for end in ("", ")", "))", "]", ")]"):
        try:
            tree = ast.parse(code.rstrip(" :,") + end)
        except (SyntaxError, ValueError):
            continue
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        return [_spelled(one) for one in reversed(calls)]
    return re.findall(r"[\w.]+(?=\()", code)


def _spelled(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        if isinstance(function.value, ast.Name) and len(function.value.id) <= 4:
            return f"{function.value.id}.{function.attr}"
        return f".{function.attr}"
    return ast.unparse(function)[:30]


def _shown(source: str, why: tuple[Why, ...], end: str, verb: str) -> Iterator[str]:
    """The lines of a cell that the edge is about; else those that mention its names."""
    lines = source.splitlines()
    known = [getattr(one, end) for one in why if getattr(one, end)]
    found = [lines[at - 1] for at in dict.fromkeys(known) if at <= len(lines)]
    if not found:
        names = {name for one in why for name in one.names}
        found = [line for line in lines if names & set(re.findall(r"\w+", line))] or lines[:1]
    for line in found[:3]:
        yield f"      {verb}: {line.strip()[:110]}"
