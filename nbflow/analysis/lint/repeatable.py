"""What is different every time: random numbers without a seed, and the clock."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from nbflow.analysis.facts import Certainty, Effect
from nbflow.analysis.lint.look import CodeCell, Look, lines_of
from nbflow.core.diagnostic import Diagnostic, Fix, Severity
from nbflow.core.names import Name

_NUMPY: Final = Name("@numpy.random")
_HOW: Final = {
    Name("@random"): "call `random.seed(0)` in a cell above",
    _NUMPY: "call `np.random.seed(0)` in a cell above, or give `random_state=0`",
}
_GENERATORS: Final = frozenset({"default_rng", "RandomState", "SeedSequence", "PCG64"})
_DRAWING: Final = frozenset(
    """
    RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor
    BaggingClassifier BaggingRegressor IsolationForest MLPClassifier MLPRegressor SGDClassifier
    SGDRegressor KMeans MiniBatchKMeans GaussianMixture BayesianGaussianMixture TSNE
    LatentDirichletAllocation RandomizedSearchCV ShuffleSplit StratifiedShuffleSplit
    GroupShuffleSplit RandomTreesEmbedding
    """.split()  # noqa: SIM905
)
"""What scikit-learn draws for, with its default arguments, in a way that changes the result."""
_FOLDS: Final = frozenset({"KFold", "StratifiedKFold"})
_DRAW: Final = re.compile(r"\brandom\.|\b(?:re)?sample\(|\bshuffle\(|\btrain_test_split\(")
_SQL_DRAW: Final = re.compile(r"\b(random|gen_random_uuid|sample|tablesample)\b", re.IGNORECASE)
_SQL_REPEATABLE: Final = re.compile(r"\b(setseed|repeatable)\b", re.IGNORECASE)
_TIME: Final = re.compile(
    r"\b(now|today|utcnow|time|current_date|current_time|current_timestamp|perf_counter"
    r"|monotonic|localtime|strftime|gmtime)\b",
    re.IGNORECASE,
)


def unseeded_random(look: Look) -> Iterator[Diagnostic]:
    """The first draw from each generator that nothing has seeded. Later draws continue it."""
    seeded: set[Name] = set()
    sklearn: set[str] = set()
    for cell in look.cells:
        facts = cell.facts
        sklearn |= _from_sklearn(cell.tree)
        if _NUMPY not in seeded:
            yield from _unseeded_estimators(cell, sklearn)
        if Effect.RANDOM in facts.effects:
            yield from _unseeded_sql(cell) if facts.sql else _unseeded(cell, seeded)
        sure = (use.name for use in facts.writes if use.certainty is Certainty.SURE)
        seeded |= {name for name in sure if name in _HOW}


def _unseeded(cell: CodeCell, seeded: set[Name]) -> Iterator[Diagnostic]:
    for use in cell.facts.reads:
        known = use.name in seeded or use.name in cell.facts.binds
        if use.name in _HOW and use.certainty is Certainty.SURE and not known:
            yield _finding(cell, _draw_line(cell, use.line), _HOW[use.name])
    for call in _bare_generators(cell.tree):
        name = ast.unparse(call.func)
        yield _finding(cell, call.lineno, f"give it a seed: `{name}(0)`", _fixed(cell, call))


def _from_sklearn(tree: ast.Module | None) -> set[str]:
    """Names imported from scikit-learn."""
    return {
        alias.asname or alias.name
        for node in (ast.walk(tree) if tree is not None else ())
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sklearn"
        for alias in node.names
    }


def _unseeded_estimators(cell: CodeCell, sklearn: set[str]) -> Iterator[Diagnostic]:
    if _NUMPY in cell.facts.binds:
        return
    for node in ast.walk(cell.tree) if cell.tree is not None and sklearn else ():
        match node:
            case ast.Call(func=ast.Name(id=root)):
                name = root
            case ast.Call(func=ast.Attribute(value=ast.Name(id=root), attr=name)):
                pass
            case _:
                continue
        if root in sklearn and _draws(name, node):
            how = f"write `{name}(…, random_state=0)`, or seed numpy in a cell above"
            yield _finding(cell, node.lineno, how)


def _draws(name: str, call: ast.Call) -> bool:
    given = {word.arg: word.value for word in call.keywords}
    if None in given or not _is_none(given.get("random_state")):
        return False
    shuffles = given.get("shuffle")
    if name in _FOLDS:
        return isinstance(shuffles, ast.Constant) and shuffles.value is True
    return name in _DRAWING


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _finding(cell: CodeCell, line: int, how: str, fix: Fix | None = None) -> Diagnostic:
    return cell.finding(
        "unseeded-random",
        Severity.WARNING,
        "random numbers are drawn here without a seed: every run gives another result",
        line=line,
        hint=how,
        fix=fix,
    )


def _draw_line(cell: CodeCell, first: int) -> int:
    """The line that names a random function; `first` may be a call that only might draw."""
    lines = (line for line, text in lines_of(cell.cell.source) if _DRAW.search(_code(text)))
    return next((line for line in lines if line >= first), first)


def _bare_generators(tree: ast.Module | None) -> Iterator[ast.Call]:
    """`np.random.default_rng()` and the like, without any argument."""
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and not node.args and not node.keywords:
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name) if name in _GENERATORS:
                    yield node
                case ast.Attribute(value=ast.Name(id="random"), attr="Random"):
                    yield node


def _fixed(cell: CodeCell, call: ast.Call) -> Fix | None:
    """A seed in the call; None where the text is not what was parsed."""
    lines = cell.cell.source.split("\n")
    line, end = (call.end_lineno or 0) - 1, call.end_col_offset or 0
    if not 0 <= line < len(lines):
        return None
    before = lines[line].encode()[:end].decode(errors="replace")
    if not before.endswith("()"):
        return None
    return Fix(old="()", new="(0)", line=line + 1, column=len(before) - 2)


def _unseeded_sql(cell: CodeCell) -> Iterator[Diagnostic]:
    if _SQL_REPEATABLE.search(cell.cell.source):
        return
    for line, text in lines_of(cell.cell.source):
        if line > 1 and _SQL_DRAW.search(text.partition("--")[0]):
            how = "`SELECT setseed(0.5);` before it, `REPEATABLE (0)` behind the sample"
            yield _finding(cell, line, f"{how}, or draw in Python from a seeded generator")
            return


def clock(look: Look) -> Iterator[Diagnostic]:
    """Steps that ask for the time, which nbflow therefore never reuses."""
    for cell in look.cells:
        if Effect.CLOCK not in cell.facts.effects:
            continue
        asks = (n for n, text in lines_of(cell.cell.source) if _TIME.search(_code(text)))
        yield cell.finding(
            "clock",
            Severity.INFO,
            "this cell asks for the time, so its results are never reused",
            line=next(asks, None),
            hint="where a day is meant, make it a parameter; where only time is measured, use "
            "`%%time`",
        )


def _code(line: str) -> str:
    return "" if line.lstrip().startswith(("#", "--", "import ", "from ")) else line
