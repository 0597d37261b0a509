"""A chart of a table, and a file made of one."""

from pathlib import PurePosixPath
from typing import Final

from nbflow.core.recipe import Choice, Field, NewCell, Recipe, Scene, Written
from nbflow.recipes import sql
from nbflow.recipes.form import Form
from nbflow.recipes.names import free_name, free_step_name
from nbflow.recipes.python import (
    SQL,
    call,
    list_literal,
    name_of,
    preparation,
    text_literal,
)

_TABLE: Final = Field(name="table", label="Table", type="table", required=True)

CHART: Final = Recipe(
    name="chart",
    title="Draw a chart",
    help="Bars, lines, points or a histogram, with matplotlib",
    icon="chart",
    fields=(
        _TABLE,
        Field(
            name="kind",
            label="Chart",
            type="choice",
            default="bar",
            choices=(
                Choice(value="bar", label="bars"),
                Choice(value="barh", label="bars side by side with their names"),
                Choice(value="line", label="lines"),
                Choice(value="scatter", label="points"),
                Choice(value="hist", label="histogram"),
            ),
        ),
        Field(
            name="x",
            label="Along the axis",
            type="column",
            of="table",
            required=True,
            when={"kind": ("bar", "barh", "line", "scatter")},
        ),
        Field(name="y", label="Values", type="columns", of="table", required=True),
        Field(name="title", label="Title"),
    ),
)

EXPORT: Final = Recipe(
    name="export",
    title="Write a file",
    help="A table as CSV, Parquet or Excel",
    icon="export",
    fields=(
        _TABLE,
        Field(
            name="file",
            label="File",
            required=True,
            help="Its ending says what kind: .csv, .parquet or .xlsx",
        ),
    ),
)


def write_chart(form: Form, scene: Scene) -> Written:
    """pandas' plot on axes of matplotlib."""
    name, kind, y = form.text("table"), form.text("kind"), form.texts("y")
    if not name.isidentifier():
        form.complain("table", f"Python cannot name {name}", hint="give it a name by a query first")
    if kind == "scatter" and len(y) > 1:
        form.complain("y", "choose one column for points")
    plt = name_of("matplotlib.pyplot", scene)
    figure, axes = (free_name(wish, scene.names) for wish in ("fig", "ax"))
    lines = [
        f'{figure}, {axes} = {plt}.subplots(figsize=(8, 4), layout="constrained")',
        _drawn(form, name, axes),
        f"{plt}.show()",
    ]
    step = free_step_name(f"chart of {name}", scene.steps)
    cell = NewCell(source="\n".join(lines), tags=(f"step:{step}",))
    preview = _shown(form, name, *([form.text("x")] if kind != "hist" else []), *y)
    return Written(cells=(*preparation(scene, "matplotlib.pyplot"), cell), preview=preview)


def _shown(form: Form, name: str, *columns: str) -> str:
    chosen = tuple(sql.column(each) for each in dict.fromkeys(columns))
    return str(sql.Query(columns=chosen, sources=(sql.from_table(name),)))


def _drawn(form: Form, name: str, axes: str) -> str:
    kind, y, title = form.text("kind"), form.texts("y"), form.text("title")
    x = form.text("x")
    arguments = [f"ax={axes}"]
    if kind == "hist":
        arguments += ["bins=30"]
    else:
        values = text_literal(y[0]) if len(y) == 1 else list_literal(y)
        arguments += [f"x={text_literal(x)}", f"y={values}"]
    if title:
        arguments.append(f"title={text_literal(title)}")
    if kind in ("bar", "line", "barh") and len(y) == 1:
        arguments += ["legend=False", f"{_value_axis(kind)}={text_literal(y[0])}"]
    if kind == "bar":
        arguments.append("rot=0")
    return call(f"{_as_numbers(form, name)}.plot.{kind}", arguments)


def _value_axis(kind: str) -> str:
    return "xlabel" if kind == "barh" else "ylabel"


def _as_numbers(form: Form, name: str) -> str:
    """DECIMAL is an object to pandas, which it would not draw."""
    columns = form.columns_of("table")
    exact = [each for each in form.texts("y") if _is_decimal(sql.type_of(each, columns))]
    converted = "".join(f"{text_literal(each)}: float, " for each in exact).removesuffix(", ")
    this = f"{name}.astype({{{converted}}})" if exact else name
    return f"{this}[{list_literal(form.texts('y'))}]" if form.text("kind") == "hist" else this


def _is_decimal(kind: str) -> bool:
    return kind.upper().startswith("DECIMAL")


_WRITERS: Final = {".csv": "to_csv", ".parquet": "to_parquet", ".xlsx": "to_excel"}


def write_export(form: Form, scene: Scene) -> Written:
    """`TABLE.to_csv(…)`; COPY where the table has a name that Python cannot have."""
    name, path = form.text("table"), form.text("file")
    writer = _WRITERS.get(PurePosixPath(path).suffix)
    if writer is None:
        form.complain("file", "end the name with .csv, .parquet or .xlsx")
        return Written()
    step = free_step_name(f"export {name}", scene.steps)
    preview = str(sql.Query(sources=(sql.from_table(name),)))
    if not name.isidentifier():
        cells = _copied(form, scene, name, path)
    else:
        cells = _written(form, scene, f"{name}.{writer}", path)
    tagged = NewCell(source=cells[-1].source, tags=(f"step:{step}",))
    return Written(cells=(*cells[:-1], tagged), preview=preview)


def _written(form: Form, scene: Scene, method: str, path: str) -> tuple[NewCell, ...]:
    parent = PurePosixPath(path).parent.as_posix()
    line = call(method, [text_literal(path), "index=False"])
    if path.endswith(".xlsx"):
        form.complain(
            "file", "writing Excel needs the package openpyxl", severity="info",
            hint="pip install openpyxl, in the notebook's environment",
        )  # fmt: skip
    if parent == ".":
        return (NewCell(source=line),)
    made = f"{name_of('pathlib.Path', scene)}({text_literal(parent)})"
    folder = f"{made}.mkdir(parents=True, exist_ok=True)"
    return (*preparation(scene, "pathlib.Path"), NewCell(source=f"{folder}\n{line}"))


def _copied(form: Form, scene: Scene, name: str, path: str) -> tuple[NewCell, ...]:
    if path.endswith(".xlsx"):
        form.complain("file", f"Python cannot name {name}", hint="give it a name by a query first")
    if PurePosixPath(path).parent.as_posix() != ".":
        form.complain("file", "this table can only be written beside the notebook")
    target = sql.text_of(sql.text(path))
    source = f"%%sql\nCOPY {sql.text_of(sql.table(name))} TO {target}"
    return (*preparation(scene, SQL), NewCell(source=source))
