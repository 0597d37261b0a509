"""What Jupyter's server loads: it makes our addresses part of the server."""

from pathlib import Path
from typing import Any, Final

from jupyter_server.services.contents.fileio import FileManagerMixin
from jupyter_server.utils import url_path_join

from nbflow.faces.server.handlers import Nothing, handlers
from nbflow.faces.server.places import Places
from nbflow.faces.server.routes import ROUTES
from nbflow.faces.server.stream import Events, Hub
from nbflow.faces.server.warming import Warming
from nbflow.faces.server.workers import Workers

API: Final = "nbflow/api"

_ANSWERING: Final = 4
_THINKING: Final = 2
"""To understand a notebook keeps a processor busy, and must not keep other answers waiting."""


def load(app: Any) -> None:
    """Add our addresses to a server (a `ServerApp`)."""
    manager = app.contents_manager
    root = Path(getattr(manager, "root_dir", "") or app.root_dir).absolute()
    places = Places(
        root=root,
        shows_hidden=bool(getattr(manager, "allow_hidden", False)),
        has_files=isinstance(manager, FileManagerMixin),
    )
    answering = Workers(_ANSWERING, "nbflow-answers")
    thinking = Workers(_THINKING, "nbflow-thinks")
    hub = Hub(places, answering, hear=Warming(Workers(1, "nbflow-warms")).hear)
    places.on_project = hub.adopt
    base = app.web_app.settings["base_url"]
    found = [
        *handlers(ROUTES, places, answering=answering, thinking=thinking),
        ("events", Events, {"places": places, "hub": hub}),
        (".*", Nothing, {"places": places}),
    ]
    below = [(url_path_join(base, API, path), *rest) for path, *rest in found]
    app.web_app.add_handlers(".*$", below)
