"""Read a file: as an SQL table, or as a DataFrame."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from sqlglot import exp

from nbflow.core.recipe import Choice, Field, NewCell, Recipe, Scene, Written
from nbflow.recipes import sql
from nbflow.recipes.form import Form
from nbflow.recipes.names import as_identifier
from nbflow.recipes.python import SQL, call, list_literal, name_of, preparation, text_literal

_PACKED: Final = (".gz", ".zst")
_BY_NAME: Final = frozenset({".csv", ".tsv", ".parquet"})
"""What DuckDB reads by the name alone."""

_READERS: Final = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".txt": "read_csv",
    ".parquet": "read_parquet",
    ".pq": "read_parquet",
    ".xlsx": "read_excel",
    ".xlsm": "read_excel",
    ".xls": "read_excel",
}
"""The function of that name is pandas' and, but for Excel, DuckDB's."""

_EXCEL: Final = tuple(end for end, reader in _READERS.items() if reader == "read_excel")

READ: Final = Recipe(
    name="read",
    title="Read a file",
    help="CSV, Parquet or Excel, as an SQL table or a DataFrame",
    icon="file",
    fields=(
        Field(
            name="file",
            label="File",
            type="file",
            required=True,
            help="The path as the notebook sees it; * stands for any characters",
        ),
        Field(
            name="how",
            label="As",
            type="choice",
            default="sql",
            choices=(
                Choice(value="sql", label="SQL table"),
                Choice(value="pandas", label="pandas DataFrame"),
            ),
            help="Both can be used from SQL and from Python; Excel is always a DataFrame",
        ),
        Field(name="columns", label="Columns", type="columns", of="file", help="None: all columns"),
        Field(
            name="sheet",
            label="Sheet",
            help="Empty: the first sheet",
            when={"file": tuple(f"*{end}" for end in _EXCEL)},
        ),
        Field(name="name", label="Name of the table", help="Empty: the name of the file"),
    ),
)


def suffix_of(path: str) -> str:
    """What kind of file it is, also if it is packed.

    >>> suffix_of("data/Sales.CSV.gz"), suffix_of("a.parquet")
    ('.csv', '.parquet')
    """
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def is_excel(path: str) -> bool:
    """Whether only pandas can read it."""
    return suffix_of(path) in _EXCEL


def select_file(path: str, columns: Sequence[str] = ()) -> str:
    """The query that reads a file.

    >>> print(select_file("data/a.csv", ["sku"]))
    SELECT sku
    FROM 'data/a.csv'
    """
    chosen = tuple(sql.column(name) for name in columns) or (exp.Star(),)
    return str(sql.Query(columns=chosen, sources=(f"FROM {_source(path)}",)))


def _source(path: str) -> str:
    """By its name, where that is spelled as DuckDB expects it."""
    suffix = suffix_of(path)
    packed = path.endswith((*(suffix + pack for pack in _PACKED), suffix))
    if suffix in _BY_NAME and packed:
        return sql.text_of(sql.file_table(path))
    return sql.text_of(sql.function(_READERS[suffix], sql.text(path)))


def write_read(form: Form, scene: Scene) -> Written:
    """`%%sql NAME` over the file, or `NAME = pd.read_…`."""
    path = form.text("file")
    if suffix_of(path) not in _READERS:
        form.complain("file", "this kind of file is not known", hint="CSV, TSV, Parquet or Excel")
        return Written()
    name = form.result_name("name", as_identifier(PurePosixPath(path).name.split(".")[0]))
    if is_excel(path) or form.text("how") == "pandas":
        return _with_pandas(form, scene, path, name)
    query = select_file(path, form.texts("columns"))
    cell = NewCell(source=f"%%sql {name}\n{query}")
    return Written(cells=(*preparation(scene, SQL), cell), preview=query)


def _with_pandas(form: Form, scene: Scene, path: str, name: str) -> Written:
    columns, reader = form.texts("columns"), _READERS[suffix_of(path)]
    if "*" in path or "?" in path:
        form.complain("file", "pandas reads one file at a time", hint="read them as an SQL table")
    arguments = [text_literal(path)]
    if suffix_of(path) == ".tsv":
        arguments.append(r'sep="\t"')
    if reader == "read_excel" and form.text("sheet"):
        arguments.append(f"sheet_name={text_literal(form.text('sheet'))}")
    if columns:
        word = "columns" if reader == "read_parquet" else "usecols"
        arguments.append(f"{word}={list_literal(columns)}")
    if reader == "read_excel":
        form.complain(
            "file", "reading Excel needs the package openpyxl", severity="info",
            hint="pip install openpyxl, in the notebook's environment",
        )  # fmt: skip
    read = call(f"{name_of('pandas', scene)}.{reader}", arguments)
    cell = NewCell(source=f"{name} = {read}\n{name}.head()")
    preview = None if reader == "read_excel" else select_file(path, columns)
    return Written(cells=(*preparation(scene, "pandas"), cell), preview=preview)
