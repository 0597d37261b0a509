"""A filled-in form: values that came from anywhere, checked against the fields of a recipe."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

from sqlglot import exp

from nbflow.core.recipe import Field, Finding, Scene
from nbflow.core.table import Column
from nbflow.recipes import sql
from nbflow.recipes.names import as_identifier, free_name, is_usable

_MOST_ROWS = 50
_LONGEST_TEXT = 100_000


class Form:
    """The values of one recipe, or of one row of a list in it; `findings` grow while it is read.

    Whatever was given, what comes out has the type that is asked for.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        values: Mapping[str, Any],
        scene: Scene,
        *,
        parent: "Form | None" = None,
        place: str = "",
    ) -> None:
        self._fields = {field.name: field for field in fields}
        self._values, self._scene = values, scene
        self._parent, self._place = parent, place
        self.findings: list[Finding] = [] if parent is None else parent.findings
        for field in fields:
            if self.is_asked(field):
                self._check(field)

    @property
    def failed(self) -> bool:
        """Whether there is anything that must be put right."""
        return any(one.severity == "error" for one in self.findings)

    def complain(
        self,
        name: str,
        message: str,
        *,
        hint: str | None = None,
        severity: Literal["error", "warning", "info"] = "error",
    ) -> None:
        """Note something about a field."""
        place = f"{self._place}{name}"
        self.findings.append(Finding(field=place, message=message, hint=hint, severity=severity))

    def is_asked(self, field: Field) -> bool:
        """Whether the field has a say, as the others are filled in."""
        return all(
            any(_is_met(self.text(name), wish) for wish in wishes)
            for name, wishes in field.when.items()
        )

    def check_rows(self) -> None:
        """Check the rows of all lists, as deep as they go."""
        for field in self._fields.values():
            if field.type == "list" and self.is_asked(field):
                for row in self.rows(field.name):
                    row.check_rows()

    # -- values

    def text(self, name: str) -> str:
        """A text without the blanks around it; empty if none was given."""
        given = self._values.get(name, self._fields[name].default)
        return given.strip() if isinstance(given, str) else ""

    def boolean(self, name: str) -> bool:
        """Whether a box was ticked."""
        return self._values.get(name, self._fields[name].default) is True

    def whole(self, name: str) -> int | None:
        """A whole number."""
        given = self._values.get(name, self._fields[name].default)
        if isinstance(given, str) and given.strip().isdecimal():
            return int(given)
        if isinstance(given, float) and given.is_integer():
            return int(given)
        return given if isinstance(given, int) and not isinstance(given, bool) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Several texts, each once, in their order."""
        given = self._values.get(name, self._fields[name].default)
        found = [each for each in given if isinstance(each, str)] if _is_list(given) else []
        return tuple(dict.fromkeys(each for each in found if each))

    def rows(self, name: str) -> tuple["Form", ...]:
        """The rows of a list."""
        given = self._values.get(name, ())
        rows = [each for each in given if isinstance(each, Mapping)] if _is_list(given) else []
        return tuple(
            Form(
                self._fields[name].fields, row, self._scene, parent=self, place=f"{name}.{number}."
            )
            for number, row in enumerate(rows[:_MOST_ROWS])
        )

    def columns_of(self, name: str) -> tuple[Column, ...]:
        """The columns of the table or file that a field names; empty where nobody knows them."""
        owner = self._owner(name)
        if owner is None:
            return ()
        given = owner.text(name)
        known = self._scene.files if owner._fields[name].type == "file" else self._scene.tables
        return known.get(given, ())

    def value(self, name: str, kind: str) -> exp.Expression:
        """A typed value for a column of that type, ready for SQL; NULL after a complaint."""
        return self.value_of(name, self.text(name), kind)

    def value_of(self, name: str, given: str, kind: str) -> exp.Expression:
        """The same of a part of what was given."""
        parameter = sql.parameter_of(given)
        if parameter is not None:
            self.check_variable(name, parameter)
        try:
            return sql.value(given, kind)
        except sql.BadValue as error:
            self.complain(name, str(error))
            return exp.Null()

    def check_variable(self, name: str, variable: str) -> None:
        """Complain about a `$variable` that the notebook does not have."""
        if variable not in self._scene.names:
            self.complain(name, f"there is no variable {variable} in this notebook")

    def values(self, name: str, kind: str) -> list[exp.Expression]:
        """Values separated by commas."""
        parts = [part.strip() for part in self.text(name).split(",")]
        return [self.value_of(name, part, kind) for part in parts if part]

    def result_name(self, name: str, wish: str) -> str:
        """The name of what the new cell makes: as given, if it is free, else one like the wish."""
        given, taken = self.text(name), self._scene.names
        if not given:
            return free_name(wish if is_usable(wish) else as_identifier(wish), taken)
        if not is_usable(given):
            hint = f"write {free_name(as_identifier(given), taken)}"
            self.complain(name, f"{given!r} cannot be a name in Python", hint=hint)
        elif free_name(given, taken) != given:
            hint = f"write {free_name(given, taken)}"
            self.complain(name, f"the notebook already has a {given}", hint=hint)
        return given

    # -- checks

    def _check(self, field: Field) -> None:
        if self._is_empty(field):
            if field.required:
                self.complain(field.name, "this is needed")
            return
        match field.type:
            case "choice":
                self._check_choice(field)
            case "column":
                self._check_columns(field, (self.text(field.name),))
            case "columns":
                self._check_columns(field, self.texts(field.name))
            case "number" if self.whole(field.name) is None:
                self.complain(field.name, "write a whole number")
            case "text" | "file" | "table" if "\n" in self.text(field.name):
                self.complain(field.name, "write it on one line")

    def _is_empty(self, field: Field) -> bool:
        given = self._values.get(field.name, field.default)
        match field.type:
            case "list":
                return not (_is_list(given) and any(isinstance(row, Mapping) for row in given))
            case "columns":
                return not self.texts(field.name)
            case "number" | "boolean":
                return given is None or given == ""
            case _:
                return not self.text(field.name) or len(self.text(field.name)) > _LONGEST_TEXT

    def _check_choice(self, field: Field) -> None:
        known = [choice.value for choice in field.choices]
        if self.text(field.name) not in known:
            self.complain(field.name, f"choose one of: {', '.join(known)}")

    def _check_columns(self, field: Field, given: Sequence[str]) -> None:
        known = [column.name for column in self.columns_of(field.of)] if field.of else []
        for name in given:
            if known and name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(known[:12])}"
                self.complain(field.name, f"there is no column {name}", hint=hint)

    def _owner(self, name: str) -> "Form | None":
        """This form, or the one around it, whichever has a field of that name."""
        return next((form for form in self._upwards() if name in form._fields), None)

    def _upwards(self) -> Iterator["Form"]:
        form: Form | None = self
        while form is not None:
            yield form
            form = form._parent


def _is_list(given: Any) -> bool:
    return isinstance(given, list | tuple)


def _is_met(value: str, wish: str) -> bool:
    return value.lower().endswith(wish[1:]) if wish.startswith("*") else value == wish
