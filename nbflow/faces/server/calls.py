"""One call of a route: what was asked, in the words of the project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbflow.core.choices import Choices
from nbflow.core.errors import NotFound, UsageError
from nbflow.core.run import Run
from nbflow.faces.server.places import Place, Places
from nbflow.faces.wire import Json

if TYPE_CHECKING:
    from nbflow.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`parts` are the words of the address, `query` what follows it, `body` the JSON object."""

    places: Places
    parts: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""

    @property
    def place(self) -> Place:
        """What `path` names, in the body or the query; the root where there is none."""
        return self.places.at(self.text("path", ""))

    @property
    def project(self) -> "Project":
        """The project that `path` belongs to."""
        return self.place.project

    @property
    def run(self) -> str:
        """The run that the address names."""
        return self.parts["run"]

    @property
    def content(self) -> dict[str, Any]:
        """What the editor holds of the notebook.

        Raises:
            UsageError: it is missing.
        """
        found = self.body.get("content")
        if not isinstance(found, dict):
            raise UsageError("`content` is missing: the notebook as nbformat's JSON")
        return found

    def notebook(self) -> Place:
        """The notebook that `path` names.

        Raises:
            UsageError: there is no `path`.
        """
        if not self.text("path", ""):
            raise UsageError("`path` is missing: the notebook's path")
        return self.place

    def seen_run(self) -> Run:
        """The run that the address names, with its steps.

        Raises:
            NotFound: there is none, or its notebook is one that Jupyter does not show.
        """
        found = self.project.status(self.run, actor=self.actor)
        self.path_of(found.notebook)
        return found

    def path_of(self, notebook: str) -> str:
        """The contents path of a notebook of this call's project.

        Raises:
            NotFound: Jupyter does not show it.
        """
        place = self.place
        if self.text("path", "") and place.identity == notebook:
            return self.text("path").strip("/")  # over a link, perhaps
        path = self.places.path_of(place.project, notebook)
        if path is None:
            raise NotFound("its notebook does not lie below the server's folder")
        return path

    def named(self, document: Json) -> Json:
        """A document whose notebook is called as Jupyter calls it."""
        return {**document, "notebook": self.path_of(document["notebook"])}

    def choices(self) -> Choices:
        """What the body asks of a run, beside its parameters."""
        return Choices(
            force=self.flag("force"),
            force_steps=self.texts("force_steps"),
            until=self.texts("until"),
            from_=self.texts("from"),
            only=self.texts("only"),
            one_lane=self.flag("one_lane"),
        )

    # -- values that may be anything ---------------------------------------------------------------

    def text(self, name: str, usual: str | None = None) -> str:
        """A text of the body or the query.

        Raises:
            UsageError: it is missing, or something else.
        """
        found = self._value(name, usual)
        if not isinstance(found, str):
            raise UsageError(f"`{name}` is {'missing' if found is None else 'no text'}")
        return found

    def flag(self, name: str) -> bool:
        """Yes or no; no where nothing is said.

        Raises:
            UsageError: it is something else.
        """
        words = {"": False, "0": False, "false": False, "1": True, "true": True}
        found = self._value(name, False)
        answer = found if isinstance(found, bool) else words.get(str(found))
        if answer is None:
            raise UsageError(f"`{name}` is neither true nor false")
        return answer

    def number(self, name: str, usual: int | None, *, least: int = 0) -> int | None:
        """A whole number.

        Raises:
            UsageError: it is something else, or less than `least`.
        """
        found = self._value(name, usual)
        if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 19:
            found = int(found)
        if found is None:
            return None
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found < 2**63:
            raise UsageError(f"`{name}` is no whole number from {least} on")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts.

        Raises:
            UsageError: it is something else.
        """
        found = self._value(name, [])
        if not isinstance(found, Sequence) or isinstance(found, str):
            raise UsageError(f"`{name}` is no list")
        if not all(isinstance(each, str) for each in found):
            raise UsageError(f"`{name}` is no list of texts")
        return tuple(found)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object with names.

        Raises:
            UsageError: it is something else.
        """
        found = self._value(name, {})
        if not isinstance(found, dict):
            raise UsageError(f"`{name}` is no object")
        return found

    def _value(self, name: str, usual: Any) -> Any:
        found = self.body.get(name, self.query.get(name))
        return usual if found is None else found
