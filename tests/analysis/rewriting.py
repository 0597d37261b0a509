"""The same code written otherwise: comments, layout, and names of local variables."""

import ast


def with_comments(source: str) -> str:
    """The source with comments and blank lines between and behind its lines."""
    lines = [f"{line}  # {index}" for index, line in enumerate(source.splitlines())]
    return "# before\n\n" + "\n\n".join(lines) + "\n# after"


def reformatted(source: str) -> str:
    """The source as Python itself would write it, with its expressions in parentheses."""
    tree = ast.parse(source)
    lines = [ast.unparse(statement) for statement in tree.body]
    return "\n\n\n".join(line.replace("    ", "\t") for line in lines)


def renamed_locals(source: str) -> str:
    """The source with other names for the arguments and locals of functions and comprehensions."""
    return ast.unparse(_Scopes().visit(ast.parse(source)))


_LOCALS = {name: f"{name}_too" for name in ("v", "w", "x", "g", "b")}
"""Names that the grammar uses as locals; a loop of a cell may bind `v` as a global, too."""


class _Scopes(ast.NodeTransformer):
    """Renames inside whatever has a scope of its own."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ListComp | ast.GeneratorExp):
            return _Renaming().generic_visit(node)
        return super().generic_visit(node)


class _Renaming(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(id=_LOCALS.get(node.id, node.id), ctx=node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(arg=_LOCALS.get(node.arg, node.arg))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = _LOCALS.get(node.name, node.name)
        self.generic_visit(node)
        return node
