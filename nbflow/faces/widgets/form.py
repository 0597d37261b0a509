"""`nbflow.parameters()`: the parameters of a notebook as a form that starts a run."""

import json
import math
from collections.abc import Callable
from datetime import date
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbflow.core.errors import NbflowError, UsageError
from nbflow.core.step import Parameter
from nbflow.faces.widgets import here
from nbflow.faces.widgets.living import Look
from nbflow.faces.widgets.picture import show_latest

if TYPE_CHECKING:
    from nbflow.project import Project

_CELL: Final = "text-align:left;padding:2px 12px 2px 0;font-weight:normal"


def parameters(notebook: str | Path | None = None) -> Any:
    """A form for the parameters of a notebook (default: this one), with a button that runs it.

    Raises:
        UsageError: ipywidgets is not installed, or nobody knows which notebook is meant.
        NotebookError: it is no notebook that can be used.
    """
    try:
        import ipywidgets
    except ImportError as error:
        raise UsageError(
            "the form needs the package ipywidgets", hint="pip install ipywidgets"
        ) from error
    project, path = here.find(notebook)
    found = project.inspect(path).parameters
    fields = {each.name: _field(ipywidgets, each) for each in found}
    button = ipywidgets.Button(description="Run", icon="play", button_style="primary")
    said, picture = ipywidgets.Output(), ipywidgets.HTML()
    button.on_click(lambda _: _start(project, path, fields, said, picture))
    return _form(ipywidgets, [*fields.values(), button, said, picture], fields)


def _form(ipywidgets: Any, children: list[Any], fields: dict[str, Any]) -> Any:
    """The widgets, and for where there are none (an exported page), the values as a table."""

    class Form(ipywidgets.VBox):  # type: ignore[misc]
        def _repr_mimebundle_(self, **more: Any) -> Any:
            bundle = super()._repr_mimebundle_(**more)
            return {**(bundle or {}), "text/html": _table(fields)}

    return Form(children)


def _table(fields: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><th style="{_CELL}">{escape(name)}</th>'
        f'<td style="{_CELL}">{escape(str(field.value))}</td>'
        f'<td style="{_CELL}">{escape(field.tooltip or "")}</td></tr>'
        for name, field in fields.items()
    )
    return f'<table class="nbflow-parameters">{rows}</table>'


def _field(ipywidgets: Any, parameter: Parameter) -> Any:
    """The control that fits a type; what has none of its own is written as JSON."""
    default = parameter.default
    common = {
        "description": parameter.name,
        "tooltip": parameter.help or "",
        "style": {"description_width": "initial"},
    }
    if parameter.choices:
        return ipywidgets.Dropdown(options=parameter.choices, value=default, **common)
    match parameter.type, default:
        case "bool", bool():
            return ipywidgets.Checkbox(value=default, indent=False, **common)
        case "int", int() if abs(default) < 2**53:
            return _number(ipywidgets, parameter, common)
        case "float", int() | float():
            return ipywidgets.FloatText(value=float(default), **common)
        case "date", str():
            return ipywidgets.DatePicker(value=date.fromisoformat(default), **common)
        case "str" | "date" | "datetime" | "int" | "float", str() | None:
            return ipywidgets.Text(value=default or "", placeholder=parameter.type, **common)
    return ipywidgets.Textarea(value=json.dumps(default, default=str), **common)


def _number(ipywidgets: Any, parameter: Parameter, common: dict[str, Any]) -> Any:
    """A whole number, within its bounds where both are known: ipywidgets has no open ones."""
    bounds = parameter.bounds
    least = bounds.ge if bounds.gt is None else bounds.gt + 1
    most = bounds.le if bounds.lt is None else bounds.lt - 1
    if least is None or most is None or not bounds.hold(parameter.default):
        return ipywidgets.IntText(value=parameter.default, **common)
    limits = {"min": math.ceil(least), "max": math.floor(most)}
    return ipywidgets.BoundedIntText(value=parameter.default, **limits, **common)


def _start(project: "Project", path: Path, fields: dict[str, Any], said: Any, picture: Any) -> None:
    def draw(look: Look) -> None:
        picture.value = look.html

    def place(look: Look) -> Callable[[Look], None]:
        # Not a display in `said`: updates by display_id do not reach into a widget's output.
        draw(look)
        return draw

    said.clear_output()
    with said:
        try:
            project.start(path, parameters=_given(fields))
        except NbflowError as error:
            print(error.message, *filter(None, [error.hint]), sep="\n")  # noqa: T201
        else:
            show_latest(project, path, place)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """What stands in the form: an empty text is no value."""
    return {name: field.value for name, field in fields.items() if field.value not in ("", None)}
