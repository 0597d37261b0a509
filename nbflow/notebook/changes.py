"""Which cells differ between two states of a notebook."""

from nbflow.core.notebook import Cell, CellId, CellKind, Changes, Notebook


def changes(before: Notebook, after: Notebook) -> Changes:
    """The code cells that were written anew, came or went; where they stand does not count.

    >>> def notebook(**cells):
    ...     made = [
    ...         Cell(id=CellId(id), index=0, kind=CellKind.CODE, source=source)
    ...         for id, source in cells.items()
    ...     ]
    ...     return Notebook(path="a.ipynb", cells=tuple(made))
    >>> changes(notebook(a="x = 1", b="y = 2"), notebook(a="x = 2", c="z = 3"))
    Changes(changed=('a',), added=('c',), removed=('b',))
    """
    was, now = _code(before), _code(after)
    return Changes(
        changed=tuple(id for id, cell in now.items() if id in was and _differ(was[id], cell)),
        added=tuple(id for id in now if id not in was),
        removed=tuple(id for id in was if id not in now),
    )


def _code(notebook: Notebook) -> dict[CellId, Cell]:
    return {cell.id: cell for cell in notebook.cells if cell.kind is CellKind.CODE}


def _differ(before: Cell, after: Cell) -> bool:
    return (before.source, before.tags) != (after.source, after.tags)
