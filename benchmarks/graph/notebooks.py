"""A notebook as the benchmark measures it: code cells that run, in a folder with their data."""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A notebook with its place. `sources` are those of its code cells, empty ones left out.

    indexes: where these cells stand among all cells. may_fail: code cells with the tag
    `raises-exception`.
    """

    name: str
    path: Path
    node: Any = field(repr=False)
    indexes: tuple[int, ...]
    sources: tuple[str, ...]
    may_fail: frozenset[int] = frozenset()

    @property
    def folder(self) -> Path:
        """Where its data lie."""
        return self.path.parent

    def modules(self) -> tuple[str, ...]:
        """The modules that its cells import by name; those that start threads are left out."""
        found: dict[str, None] = {}
        for source in self.sources:
            for line in re.findall(r"^\s*((?:import|from)\s.+)$", source, re.MULTILINE):
                found.update(dict.fromkeys(_imported(line)))
        return tuple(m for m in found if m.partition(".")[0] not in _THREADED)


_THREADED = frozenset({"polars", "duckdb", "torch", "tensorflow", "jax", "ray", "dask", "sql"})


def _imported(line: str) -> list[str]:
    try:
        (node,) = ast.parse(line.strip().rstrip("(\\,")).body
    except (SyntaxError, ValueError):
        return re.findall(r"^\s*from\s+([\w.]+)\s+import", line)
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def read(path: Path, name: str) -> Sample:
    """Read a notebook file in the measured form."""
    node = nbformat.read(path, as_version=4)
    cells = [
        (i, cell)
        for i, cell in enumerate(node["cells"])
        if cell["cell_type"] == "code" and cell["source"].strip()
    ]
    tags = [cell["metadata"].get("tags", []) for _, cell in cells]
    return Sample(
        name=name,
        path=path,
        node=node,
        indexes=tuple(i for i, _ in cells),
        sources=tuple(cell["source"] for _, cell in cells),
        may_fail=frozenset(k for k, tag in enumerate(tags) if "raises-exception" in tag),
    )


def without(sample: Sample, cells: set[int], path: Path) -> Sample:
    """The notebook without some code cells, written to `path`."""
    gone = {sample.indexes[cell] for cell in cells}
    node = json.loads(json.dumps(sample.node))
    node["cells"] = [cell for i, cell in enumerate(node["cells"]) if i not in gone]
    path.write_text(json.dumps(node, indent=1))
    return read(path, sample.name)
