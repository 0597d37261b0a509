"""The keeper: a process that makes results durable behind the run, so that no step waits for it.

It takes over what lanes staged: of a hand it makes the stored table file, and it puts everything
into the store, in batches, because a disk waits no longer for ten files than for one. It answers
for each blob when that is on disk; the ledger's row, which alone makes a result of it, is the
runner's. If the keeper dies there is no row, and so no result.

Nothing is believed: a hand is read as a lane would read it, and must have the digest of the value
that was handed on.
"""

import contextlib
import dataclasses
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
import pandas as pd

from nbflow.core.errors import NbflowError, StoreError
from nbflow.core.task import Keep, Kept, StagedBlob
from nbflow.inside import arrow_file, hand, tables, values
from nbflow.inside.digest import Examined, examine
from nbflow.inside.groundwork import Groundwork
from nbflow.inside.seal import read_seal
from nbflow.inside.values import Packing
from nbflow.project.line import has_news
from nbflow.store.blobs import BlobStore

ARROW_BYTES: Final = 256 << 20
"""From this size on a table becomes an Arrow file: a run would wait for DuckDB's."""

_CHUNK_BYTES: Final = 1 << 20


def serve(address: str) -> None:
    """Keep what is asked for at a Unix socket, until the other side hangs up."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        # A runner that has hung up wants no answers any more.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError), Grounds() as grounds:
            for batch in _batches(line, meanwhile=grounds.go_on):
                for answer in keep(batch, grounds):
                    line.sendall(msgspec.json.encode(answer) + b"\n")


def _batches(line: socket.socket, *, meanwhile: Callable[[], bool]) -> Iterator[list[Keep]]:
    """What has been asked for by now, again and again. `meanwhile`: some work, if there is any."""
    begun = b""
    while data := _next(line, meanwhile):
        while has_news(line) and (more := line.recv(_CHUNK_BYTES)):
            data += more
        *whole, begun = (begun + data).split(b"\n")
        if whole:
            yield [msgspec.json.decode(one, type=Keep) for one in whole]


def _next(line: socket.socket, meanwhile: Callable[[], bool]) -> bytes:
    while not has_news(line) and meanwhile():
        pass
    return line.recv(_CHUNK_BYTES)


class Grounds:
    """What is made ready for large versions of which nobody knows yet whether they are the last."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, tuple[str, ...]], Groundwork] = {}

    def __enter__(self) -> "Grounds":
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._found):
            self._close(key)

    def prepare(self, request: Keep) -> None:
        """Go on for another version of its names."""
        key, path = _key(request), Path(request.staged.path)
        packing = _packing(request.root)
        try:
            if key not in self._found:
                summing = BlobStore(Path(request.root)).summing()
                self._found[key] = Groundwork(path.with_suffix(".ground"), summing)
            frame = values.load_hand(path, packing=packing, trusting=False)
            ground, passing = self._found[key], request.passing
            if not tables.prepare_large(frame, ground, seal=packing, passing=passing):
                self._close(key)
        except Exception:  # then it is written when it is asked for, which tells what is wrong
            self._close(key)

    def forget(self, request: Keep) -> None:
        """No version of its names is expected any more."""
        self._close(_key(request))

    @contextlib.contextmanager
    def taken(self, request: Keep) -> Iterator[Groundwork | None]:
        """What is ready for its names, to be used now or never."""
        try:
            yield self._found.get(_key(request))
        finally:
            self._close(_key(request))

    def go_on(self) -> bool:
        """Do a piece of work; whether there was any."""
        for key, ground in list(self._found.items()):
            try:
                if ground.go_on():
                    return True
            except OSError:  # the disk may be full
                self._close(key)
        return False

    def _close(self, key: tuple[str, tuple[str, ...]]) -> None:
        ground = self._found.pop(key, None)
        if ground is not None:
            with contextlib.suppress(OSError):
                ground.close()


def _key(request: Keep) -> tuple[str, tuple[str, ...]]:
    return request.root, request.staged.blob.names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """What is to be put into the store. `total`: the file's sum, if that is known."""

    request: Keep
    staged: StagedBlob
    total: str | None = None


def keep(requests: Iterable[Keep], grounds: Grounds) -> Iterator[Kept]:
    """Put everything into the store, and answer for each."""
    ready: dict[str, list[_Ready]] = {}
    for request in requests:
        if request.what != "store":
            (grounds.prepare if request.what == "prepare" else grounds.forget)(request)
            continue
        try:
            with grounds.taken(request) as ground:
                made = _stored_form(request, ground)
        except Exception as error:  # the runner waits for an answer, whatever it is
            yield _refused(request, error)
        else:
            ready.setdefault(request.root, []).append(made)
    for root, group in ready.items():
        yield from _committed(BlobStore(Path(root)), group)


def _committed(store: BlobStore, group: list[_Ready]) -> Iterator[Kept]:
    sums = {Path(one.staged.path): one.total for one in group if one.total is not None}
    try:
        blobs = store.commit_all([one.staged for one in group], keep=True, sums=sums)
    except Exception as error:
        if len(group) > 1:  # which of them it was shows when each stands alone
            for one in group:
                yield from _committed(store, [one])
            return
        yield _refused(group[0].request, error)
        return
    for one, blob in zip(group, blobs, strict=True):
        yield Kept(number=one.request.number, blob=blob)


def _refused(request: Keep, error: Exception) -> Kept:
    hint = error.hint if isinstance(error, NbflowError) else None
    what = str(error) if isinstance(error, NbflowError) else f"{type(error).__name__}: {error}"
    names = ", ".join(request.staged.blob.names)
    return Kept(number=request.number, error=f"`{names}` cannot be kept: {what}", hint=hint)


def _stored_form(request: Keep, ground: Groundwork | None) -> _Ready:
    staged = request.staged
    path = Path(staged.path)
    if path.suffix != hand.SUFFIX:
        return _Ready(request=request, staged=staged)
    target = path.with_suffix(f".{staged.blob.suffix}")
    target.unlink(missing_ok=True)
    packing = _packing(request.root)
    frame = values.load_hand(path, packing=packing, trusting=False)
    total = None
    if values.size_of(frame) < ARROW_BYTES:
        _check(frame, staged).vouch()
        facts = tables.write_frame(frame, target, seal=packing)
    else:
        summing = ground.summing if ground else BlobStore(Path(request.root)).summing()
        with ThreadPoolExecutor(1, "nbflow-check") as beside:  # the disk takes longer
            check = beside.submit(_check, frame, staged)
            if _holds_objects(frame):  # which may fill caches when they are stored
                check.result().vouch()
            target, facts = tables.write_large(
                frame, target, seal=packing, summing=summing, ground=ground
            )
            check.result()
        total = summing.hexdigest() if target.suffix == arrow_file.SUFFIX else None
    blob = dataclasses.replace(
        staged.blob,
        suffix=target.suffix[1:],
        rows=facts.rows,
        columns=facts.columns,
        schema=facts.schema,
    )
    return _Ready(request=request, staged=StagedBlob(blob=blob, path=str(target)), total=total)


def _holds_objects(frame: pd.DataFrame) -> bool:
    kinds = (frame.index.dtype.kind, *(dtype.kind for dtype in frame.dtypes))
    return "O" in kinds or bool(frame.attrs)


def _check(frame: object, staged: StagedBlob) -> Examined:
    """Look that a table is what its lane handed on."""
    look = examine(frame)
    if look.digest != staged.blob.digest:
        raise StoreError("it was not handed on exactly", hint="please report this as a bug")
    return look


@cache
def _packing(root: str) -> Packing:
    """What a hand holds comes from installed packages alone: no notebook is needed to read it."""
    seal = read_seal(Path(root) / "key")
    return Packing(seal=seal, namespace={"__name__": "__main__"})


if __name__ == "__main__":
    serve(sys.argv[1])
