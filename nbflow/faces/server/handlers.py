"""From the table of routes to Jupyter's web server: who may, how large, in which form it fails."""

import asyncio
import getpass
import http
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any, Final

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError

from nbflow.core.errors import NotFound, UsageError
from nbflow.faces import outcome, wire
from nbflow.faces.server.calls import Call
from nbflow.faces.server.places import Places
from nbflow.faces.server.routes import Route

RESOURCE: Final = "nbflow"
"""What Jupyter's authorizer is asked about, beside `kernels` where a run is started or stopped."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""A larger body is refused: a notebook's cells without outputs are far below it."""

_STATUS: Final[Mapping[str, int]] = {
    "usage": http.HTTPStatus.BAD_REQUEST,
    "not_found": http.HTTPStatus.NOT_FOUND,
    "notebook": http.HTTPStatus.UNPROCESSABLE_ENTITY,
    "internal": http.HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""By the code of an error; what is the machine's is SERVICE_UNAVAILABLE."""

_CODES: Final[Mapping[int, str]] = {
    http.HTTPStatus.BAD_REQUEST: "usage",
    http.HTTPStatus.FORBIDDEN: "forbidden",
    http.HTTPStatus.NOT_FOUND: "not_found",
    http.HTTPStatus.METHOD_NOT_ALLOWED: "usage",
    http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
}


class Api(APIHandler):
    """What all our addresses share: the form of an error, and who is asking."""

    def initialize(self, places: Places) -> None:
        """Tornado's constructor: what the extension gives along."""
        self.places = places

    def call(self, parts: Mapping[str, str], body: Mapping[str, Any] | None = None) -> Call:
        """What was asked."""
        query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        return Call(places=self.places, parts=parts, query=query, body=body or {}, actor=self.actor)

    @property
    def actor(self) -> str:
        """Who is asking: Jupyter's user, or the system's where Jupyter knows nobody by name."""
        user = self.current_user
        name = str(getattr(user, "name", "") or getattr(user, "username", ""))
        if name and not name.startswith("Anonymous "):
            return name
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return "unknown"

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Every failure, ours and Jupyter's, has one shape."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(error, HTTPError) or not isinstance(error, Exception):
            said = error.log_message if isinstance(error, HTTPError) else None
            message = said or http.HTTPStatus(status_code).phrase
            code = _CODES.get(status_code, "internal")
            document = wire.failure(code, Exception(), message, None)
        else:
            status, document = failure(error)
            self.set_status(status)
        self.finish(text(document))


def failure(error: Exception) -> tuple[int, wire.Json]:
    """The status and the document of an error."""
    said = outcome.trouble(error, None)
    code = "not_found" if _is_absence(error) else said.code
    status = _STATUS.get(code, http.HTTPStatus.SERVICE_UNAVAILABLE)
    return status, wire.failure(code, error, said.message, said.hint)


def _is_absence(error: Exception) -> bool:
    found = getattr(error, "diagnostics", ())
    return isinstance(error, NotFound) or any(each.code == "no-such-file" for each in found)


def text(document: wire.Json) -> str:
    """A document in as few bytes as JSON allows."""
    return wire.line({"schema_version": wire.SCHEMA_VERSION, **document})


def handlers(
    routes: Iterable[Route], places: Places, *, answering: Executor, thinking: Executor
) -> list[tuple[str, type[Api], dict[str, Any]]]:
    """Tornado's handlers by pattern: one class for each address, one method for each route."""
    by_path: dict[str, list[Route]] = defaultdict(list)
    for route in routes:
        by_path[route.path].append(route)

    def handler(found: Iterable[Route]) -> type[Api]:
        methods = {
            route.method.lower(): _method(route, thinking if route.thinks else answering)
            for route in found
        }
        return type("Address", (Api,), methods)

    return [(path, handler(found), {"places": places}) for path, found in by_path.items()]


def _method(route: Route, pool: Executor) -> Callable[..., Any]:
    async def answer(self: Api, **parts: str) -> None:
        raw = self.request.body
        if len(raw) > MOST_BYTES:
            raise HTTPError(413, f"the request has more than {MOST_BYTES:,} bytes")

        def work() -> str | None:
            call = self.call(parts, _body(raw) if raw else None)
            found = route.answer(call)
            return None if found is None else text(found)

        loop = asyncio.get_running_loop()
        said = await loop.run_in_executor(pool, work)
        self.set_status(route.status)
        await self.finish(said)

    return may(route.action)(answer)


def may(action: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Only those come in whom Jupyter's authorizer lets; whoever starts or stops a run must be
    allowed to execute code in kernels, too: there is no weaker door beside that one."""

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        inner: Callable[..., Any] = authorized(action=action, resource=RESOURCE)(method)
        if action != "execute":
            return inner
        outer: Callable[..., Any] = authorized(action=action, resource="kernels")(inner)
        return outer

    return guarded


class Nothing(Api):
    """Every other address below ours: not there, in our form of an error."""

    @may("read")
    def get(self) -> None:
        """There is nothing."""
        raise HTTPError(404, "there is no such address")

    post = put = patch = delete = get


def _body(raw: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is no JSON") from error
    if not isinstance(found, dict):
        raise UsageError("the body is no JSON object")
    return found
