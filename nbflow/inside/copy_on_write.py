"""Pandas tables of one pickle that look at the same memory go on copying before they write.

Pandas counts for every block who looks at it, and copies the block when one of them writes. Pickles
of pandas forget the count, but not that two tables have one array: who then writes to one would
change both. So what counts travels with what is counted.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
from pandas._libs.internals import (  # type: ignore[import-not-found]
    BlockPlacement,
    BlockValuesRefs,
)
from pandas.core.internals.blocks import (  # type: ignore[import-not-found]
    Block,
    new_block,
)
from pandas.core.internals.managers import (  # type: ignore[import-not-found]
    BlockManager,
    SingleBlockManager,
)


def reduced(value: object) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """How a part of a table is made again, if others look at its memory; else None: as ever.

    >>> import pickle
    >>> reduced(pd.Series([1])._mgr), reduced(pd.Index([1]))
    (None, None)
    >>> one = pd.Series([1, 2])
    >>> other = one.rename("other")
    >>> reduced(other._mgr)[0].__name__
    '_manager'
    """
    match value:
        case BlockManager() | SingleBlockManager():
            if any(block.refs.has_reference() for block in value.blocks):
                blocks = [(b.values, b.mgr_locs.indexer, b.ndim, b.refs) for b in value.blocks]
                return _manager, (type(value), value.axes, blocks)
        case pd.Index() if not isinstance(value, pd.RangeIndex):
            counts = getattr(value, "_references", None)
            if counts is not None and _is_of_tables(counts):
                made: Any = value.__reduce_ex__(5)
                return _index, (made[0], made[1], counts)
        case BlockValuesRefs():
            return BlockValuesRefs, ()
    return None


def _is_of_tables(counts: Any) -> bool:
    """Whether not only indexes, which never write, look at the memory."""
    return any(isinstance(looking(), Block) for looking in counts.referenced_blocks)


def _manager(kind: Any, axes: list[Any], blocks: list[tuple[Any, ...]]) -> Any:
    made = tuple(
        new_block(values, BlockPlacement(places), ndim=dimensions, refs=counts)
        for values, places, dimensions, counts in blocks
    )
    if kind is SingleBlockManager:
        return SingleBlockManager(made[0], axes[0])
    return kind(made, axes, verify_integrity=False)


def _index(function: Callable[..., Any], arguments: tuple[Any, ...], counts: Any) -> Any:
    index = function(*arguments)
    index._references = counts
    counts.add_index_reference(index)
    return index
