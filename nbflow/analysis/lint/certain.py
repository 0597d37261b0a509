"""Which names a cell reads whatever happens: the difference between "may fail" and "fails".

What stands in a branch, a loop's body, a `try`, a function or behind `and` may never be reached;
only names outside all of these are sure to be asked for.
"""

import ast
from collections.abc import Iterator


def sure_reads(statement: ast.AST) -> Iterator[tuple[str, int]]:
    """Names, with their lines, that a statement surely loads before it ends.

    >>> tree = ast.parse("print(a, b if c else d)\\nx += 1\\nif e:\\n    f\\n[g for h in i]")
    >>> [name for statement in tree.body for name, _ in sure_reads(statement)]
    ['print', 'a', 'c', 'x', 'e', 'i']
    """
    match statement:
        case ast.Name(id=name, ctx=ast.Load()):
            yield name, statement.lineno
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name, statement.lineno
            yield from sure_reads(statement.value)
        case _:
            for part in _sure_parts(statement):
                yield from sure_reads(part)


def _sure_parts(node: ast.AST) -> list[ast.AST]:
    """The parts that are evaluated whenever the node is."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
            return [*node.decorator_list, *defaults]
        case ast.ClassDef():
            return [*node.decorator_list, *node.bases, *(word.value for word in node.keywords)]
        case ast.Lambda():
            return [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return [node.generators[0].iter]
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
            return [node.test]
        case ast.For() | ast.AsyncFor():
            return [node.iter]
        case ast.With() | ast.AsyncWith():
            return [item.context_expr for item in node.items]
        case ast.Match():
            return [node.subject]
        case ast.BoolOp():
            return [node.values[0]]
        case ast.Compare():
            return [node.left, node.comparators[0]]
        case ast.AnnAssign():
            return [node.value] if node.value is not None else []
        case ast.Try() | ast.TryStar():
            return []
    return list(ast.iter_child_nodes(node))


def deletes(statement: ast.stmt) -> Iterator[tuple[str, int]]:
    """Names that the statement itself deletes.

    >>> list(deletes(ast.parse("del a, b[0], (c, d)").body[0]))
    [('a', 1), ('c', 1), ('d', 1)]
    """
    if isinstance(statement, ast.Delete):
        waiting = list(statement.targets)
        while waiting:
            target = waiting.pop(0)
            if isinstance(target, ast.Name):
                yield target.id, target.lineno
            elif isinstance(target, ast.Tuple | ast.List):
                waiting[:0] = target.elts


def first_line(tree: ast.Module | None, name: str) -> int | None:
    """The line on which the cell is sure to fail if nothing above wrote `name`, or None.

    >>> tree = ast.parse("if x:\\n    y\\ny = 1\\nprint(y)\\nprint(z)")
    >>> first_line(tree, "x"), first_line(tree, "y"), first_line(tree, "z")
    (1, None, 5)
    """
    for statement in tree.body if tree is not None else ():
        for read, line in sure_reads(statement):
            if read == name:
                return line
        if name in bound_in(statement):
            return None
    return None


def bound_in(statement: ast.AST) -> set[str]:
    """Names that a statement may bind in the notebook's namespace, wherever in it that stands.

    >>> sorted(bound_in(ast.parse("import a.b, c as d\\nfor e in f:\\n    g = 1")))
    ['a', 'd', 'e', 'g']
    """
    found: set[str] = set()
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.alias(name=name, asname=asname):
                found.add(asname or name.partition(".")[0])
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name):
                found.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                found.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.add(name)
    return found
