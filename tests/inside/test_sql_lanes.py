"""Run All and lanes: cells in one session, and each in a fresh one, end with the same tables."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from nbflow.analysis.sql_names import parse_sql
from nbflow.core.errors import NbflowError
from nbflow.inside.found_reads import foreseen
from nbflow.inside.seal import KEY_BYTES, Seal
from nbflow.inside.sql import SqlSession
from nbflow.inside.tables import content_digest, is_from_python, read_frame, write_frame

SEAL = Seal(key=b"k" * KEY_BYTES)
NAMES = ("a", "b")

CELLS = (
    "%%sql a\nSELECT i AS n, i * 1.10::DECIMAL(20, 2) AS d, i::HUGEINT AS h FROM range(4) t(i)",
    "%%sql b\nSELECT n, n * 2 AS m FROM a WHERE n > 0 ORDER BY n DESC",
    "%%sql a\nSELECT * FROM a UNION ALL SELECT * FROM a",
    "%%sql b\nSELECT count(*) AS n, sum(n) AS s FROM a",
    "%%sql\nINSERT INTO a (n) SELECT max(n) + 1 FROM A",
    "%%sql\nUPDATE b SET n = n + 1",
    "%%sql\nDELETE FROM a WHERE n % 2 = 1",
    "%%sql\nDROP TABLE IF EXISTS b",
    "%%sql\nCREATE OR REPLACE TABLE b AS SELECT n, NULL AS x FROM a",
    "%%sql\nCREATE TABLE IF NOT EXISTS a AS SELECT 5 AS n",
    "%%sql\nCREATE TABLE b AS SELECT n FROM b",
    "%%sql\nALTER TABLE a RENAME TO b",
    "%%sql\nALTER TABLE a ADD COLUMN extra VARCHAR",
    "%%sql\nTRUNCATE b",
    "a['k'] = 1",
    "a.loc[a.index[0], 'n'] = 99",
    "b = a.sort_values('n')",
    "b = pd.DataFrame({'n': [3, 1], 's': ['x', None]}, index=[5, 6])",
    "b.attrs['seen'] = len(a)",
    "del a",
    "b = a[['n']].set_index('n')",
)


@dataclass
class Lane:
    """One kernel: `cell` runs a cell as the magics and their hooks would."""

    namespace: dict[str, Any] = field(default_factory=lambda: {"pd": pd})

    def __post_init__(self) -> None:
        self.session = SqlSession(self.namespace, parse=parse_sql)

    def cell(self, source: str) -> str | None:
        """Run a cell; returns the kind of error, if there was one."""
        self.session.settle()
        self.session.materialise(foreseen(source, self.namespace, self.session.names()))
        try:
            if source.startswith("%%sql"):
                head, _, body = source.partition("\n")
                self.session.run(body, name=head.removeprefix("%%sql").strip() or None)
            else:
                exec(source, self.namespace)
        except (NbflowError, duckdb.Error, NameError, KeyError, IndexError) as error:
            return type(error).__name__
        finally:
            self.session.settle()
        return None

    def python_view(self) -> Mapping[str, str]:
        """Content of every name as Python sees it."""
        self.session.materialise(NAMES)
        return {n: content_digest(self.namespace[n]) for n in NAMES if n in self.namespace}

    def sql_view(self) -> Mapping[str, list[Any]]:
        """Types and rows of every name as SQL sees it."""
        seen = {}
        for name in NAMES:
            if name in self.session.tables():
                types = self.session.run(f"DESCRIBE {name}")
                rows = self.session.run(f"SELECT columns(*)::VARCHAR FROM {name}")
                assert types is not None
                assert rows is not None
                seen[name] = [types.column_type.tolist(), rows.astype(object).values.tolist()]
        return seen

    def store(self, folder: Path) -> dict[str, Path]:
        """Each name's value in a file of its own."""
        files = {}
        for name in NAMES:
            path = folder / f"{name}.duckdb"
            if self.session.is_sql(name):
                self.session.export(name, path)
                files[name] = path
            elif name in self.namespace:
                write_frame(self.namespace[name], path, seal=SEAL)
                files[name] = path
        return files

    def load(self, files: Mapping[str, Path], source: str) -> None:
        """As inputs.py does: what Python names is loaded, the rest is shown to SQL only."""
        for name, path in files.items():
            wanted = not source.startswith("%%sql")
            if wanted and is_from_python(path):
                self.namespace[name] = read_frame(path, seal=SEAL)
            else:
                self.session.attach(name, path, read=partial(read_frame, path, seal=SEAL))


def in_lanes(cells: list[str], folder: Path) -> tuple[list[str | None], Lane]:
    """Every cell in a fresh lane; a failed one leaves nothing. Ends with all that was stored."""
    files: dict[str, Path] = {}
    errors = []
    for number, source in enumerate(cells):
        lane = Lane()
        lane.load(files, source)
        errors.append(lane.cell(source))
        if errors[-1] is None:
            place = folder / str(number)
            place.mkdir()
            files = lane.store(place)
        lane.session.close()
    last = Lane()
    last.load(files, "python")
    return errors, last


@settings(max_examples=30)
@given(st.lists(st.sampled_from(CELLS), min_size=1, max_size=6))
def test_one_session_and_fresh_sessions_give_the_same(cells: list[str]) -> None:
    cells = [CELLS[0], *cells]
    together = Lane()
    errors = [together.cell(source) for source in cells]
    with tempfile.TemporaryDirectory() as folder:
        lane_errors, last = in_lanes(cells, Path(folder))
        assert lane_errors == errors
        assert last.sql_view() == together.sql_view()
        assert last.python_view() == together.python_view()
        last.session.close()
    together.session.close()
