"""Who listens to the stream: one thread per project for all of them, and nothing is left behind."""

import asyncio
import threading
from pathlib import Path

import pytest

from nbflow.core.run import Event, EventKind, RunId
from nbflow.faces.server.places import Places
from nbflow.faces.server.stream import Hub, Listener, Row, read, written
from nbflow.faces.server.workers import Workers


def row(number: int, project: str = ".", notebook: str = "a.ipynb") -> Row:
    event = Event(id=number, at="2026-01-05T06:00:00+00:00", run=RunId("r"), kind=EventKind.ALERT)
    return Row(project=project, event=event, notebook=notebook)


def followers() -> set[str]:
    return {each.name for each in threading.enumerate() if each.name.startswith("nbflow follows")}


def test_the_threads_end_with_the_last_listener(tmp_path: Path) -> None:
    async def story() -> None:
        places = Places(root=tmp_path)
        hub = Hub(places, Workers(1, "test"))
        places.on_project = hub.adopt
        listeners = [(await hub.join("", None))[0] for _ in range(20)]
        assert (hub.listening, hub.following) == (20, 1)
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "nbflow.toml").touch()
        _ = await asyncio.to_thread(lambda: places.at("sub/a.ipynb").project)
        assert (hub.following, followers()) == (2, {"nbflow follows .", "nbflow follows sub"})
        for listener in listeners[1:]:
            hub.leave(listener)
        assert hub.following == 2
        hub.leave(listeners[0])
        assert (hub.listening, hub.following) == (0, 0)

    (tmp_path / "nbflow.toml").touch()
    asyncio.run(story())
    for each in threading.enumerate():
        if each.name.startswith("nbflow follows"):
            each.join(60)
    assert followers() == set()
    assert not (tmp_path / ".nbflow").exists()


def test_who_is_refused_is_not_kept(tmp_path: Path) -> None:
    async def story() -> None:
        hub = Hub(Places(root=tmp_path), Workers(1, "test"))
        with pytest.raises(Exception, match="no mark"):
            await hub.join("nonsense", None)
        assert hub.listening == 0

    asyncio.run(story())


def test_a_mark_of_a_project_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    async def story() -> None:
        hub = Hub(Places(root=tmp_path), Workers(1, "test"))
        listener, missed = await hub.join(written({"../../etc": 3, ".hidden": 4, ".": 0}), None)
        assert (missed, set(listener.positions)) == ([], {"."})
        hub.leave(listener)

    asyncio.run(story())


def test_each_event_is_sent_once_and_the_mark_goes_on() -> None:
    async def story() -> None:
        listener = Listener(positions={".": 4})
        assert listener.frame(row(4)) == ""
        assert listener.frame(row(5)).startswith("id: .:5\ndata: {")
        assert listener.frame(row(5)) == ""
        assert listener.frame(row(1, project="b")).startswith("id: .:5,b:1\n")

    asyncio.run(story())


def test_who_asks_for_one_notebook_gets_no_other() -> None:
    async def story() -> None:
        listener = Listener(positions={}, notebook="b.ipynb")
        assert listener.frame(row(1)) == ""
        assert listener.frame(row(2, notebook="b.ipynb")) != ""

    asyncio.run(story())


def test_who_reads_too_slowly_is_let_go() -> None:
    async def story() -> None:
        listener = Listener(positions={}, waiting=asyncio.Queue(2))
        for number in (1, 2, 3):
            listener.offer(row(number))
        assert await listener.waiting.get() is None

    asyncio.run(story())


@pytest.mark.parametrize("mark", ["x", ":1", "a:", "a:-1", "a:1e9", "a:" + "9" * 30, "a:²"])
def test_what_is_no_mark_is_refused(mark: str) -> None:
    with pytest.raises(Exception, match="no mark"):
        read(mark)


def test_names_with_commas_and_colons_come_back() -> None:
    positions = {"a,b:c": 1, "é ü": 2, "": 3, "..": 4}
    assert read(written({key or ".": at for key, at in positions.items()})) == {
        (key or "."): at for key, at in positions.items()
    }
