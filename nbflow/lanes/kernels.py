"""Where lanes get their kernels: forked from a zygote where that is safe, else started cold.

Kernels are made ahead, in a thread of their own, while the steps before them run. That thread lives
as long as its kernels may: the system ends cold ones with the thread that started them. Forked ones
are the zygote's; while one of them gets ready, the next is begun.
"""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from nbflow.core.errors import KernelError
from nbflow.lanes import warm
from nbflow.lanes.experience import Experience, keep, recall
from nbflow.lanes.forking import (
    KERNEL_MODULES,
    Called,
    ForkedProcess,
    RefusedError,
    UnfitError,
    Zygote,
    can_fork,
)
from nbflow.lanes.kernel import Kernel, Sink, environment, kernel_command

Notice = Callable[[str], None]

_LAUNCHER: Final = ("-m", "ipykernel_launcher")
_EARLY_BYTES: Final = 1 << 20
_END_SECONDS: Final = 5.0


class Kernels:
    """Kernels of one kind, for one folder.

    `modules` are what the notebook imports (`a.b`, or `a.b:c` for `from a.b import c`), `expected`
    how many kernels will be asked for, `ahead` how many may wait to be asked for. `notice` is told
    why kernels are not forked where they could have been. Usable as a context; safe to `take` from
    several threads.
    """

    def __init__(
        self,
        *,
        name: str,
        folder: str,
        modules: Sequence[str] = (),
        ahead: int = 0,
        expected: int = 0,
        fork: bool = True,
        notice: Notice = lambda _: None,
    ) -> None:
        self._maker = _Maker(name=name, folder=folder, modules=tuple(modules), notice=notice)
        self._maker.forks = fork and can_fork()
        self._ahead, self._expected = ahead, expected
        self._ordered = self._taken = 0
        self._used: list[tuple[int, Kernel]] = []
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._made: queue.SimpleQueue[_Made] = queue.SimpleQueue()
        # More would only hold up the first.
        self._starting = ThreadPoolExecutor(os.cpu_count() or 1, "nbflow-kernel")
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Kernels":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm(self) -> None:
        """Begin to make kernels; somebody will ask for them soon."""
        with self._lock:
            self._order()

    def take(self, *, sink: Sink, at: int | None = None) -> Kernel:
        """A kernel that answers; from now on it is the caller's to close, or to give back.

        A step that stands `at` a cell may get one that served steps above it: what they may have
        left in the process, Run All would have left there too.

        Raises:
            KernelError: none could be had; `sink` has got what the process wrote.
        """
        while True:
            kernel = self._used_above(at) or self._new(sink)
            if kernel.exit_code is None:
                kernel.sink = sink
                return kernel
            kernel.discard()  # it died while it waited

    def give_back(self, kernel: Kernel, *, after: int) -> None:
        """A kernel that served steps up to cell `after`, and was left clean by them."""
        kernel.is_used = True
        with self._lock:
            self._used.append((after, kernel))

    def _used_above(self, at: int | None) -> Kernel | None:
        with self._lock:
            fit = [one for one in self._used if at is not None and one[0] < at]
            if not fit:
                return None
            best = max(fit, key=lambda one: one[0])
            self._used.remove(best)
            self._expected -= 1
            return best[1]

    def _new(self, sink: Sink) -> Kernel:
        with self._lock:
            self._taken += 1
            self._order()
        return self._made.get().hand_over(sink)

    @property
    def forks(self) -> bool:
        """Whether kernels are forked, as far as is known."""
        return self._maker.forks

    def call(self, function: str, *arguments: str) -> Called | None:
        """Run `module:function` in a process forked where kernels are; None if that cannot be."""
        answer: queue.SimpleQueue[Called | None] = queue.SimpleQueue()
        with self._lock:
            self._start()
            self._orders.put(lambda: answer.put(self._maker.call(function, arguments)))
        return answer.get()

    def close(self) -> None:
        """End the kernels that nobody has, and the zygotes."""
        with self._lock:
            used, self._used = self._used, []
        for _, kernel in used:
            kernel.close()
        with self._lock:
            thread, self._thread = self._thread, None
            self._orders.put(None)
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="nbflow-kernels", daemon=True)
            self._thread.start()

    def _order(self) -> None:
        self._start()
        # As long as kernels come back clean, the first ones do.
        ahead = self._taken + self._ahead if self._taken > self._ahead else self._ahead
        wanted = max(self._taken, min(ahead, self._expected))
        for _ in range(wanted - self._ordered):
            self._ordered += 1
            self._orders.put(self._begin)

    def _begin(self) -> None:
        """Begin a kernel; a cold one is ready when this returns."""
        try:
            zygote = self._maker.zygote()
        except Exception as error:  # whoever waits for a kernel must not wait for ever
            self._made.put(_Made(early=bytearray(), error=_as_kernel_error(error)))
            return
        if zygote is None:
            self._made.put(self._maker.cold())
        else:
            self._starting.submit(self._fork, zygote)

    def _fork(self, zygote: Zygote) -> None:
        made = self._maker.forked(zygote)
        if made is not None:
            self._made.put(made)
        else:
            self._orders.put(self._begin)

    def _work(self) -> None:
        try:
            while (order := self._orders.get()) is not None:
                order()
        finally:
            self._starting.shutdown(cancel_futures=True)
            while not self._made.empty():
                self._made.get().drop()
            self._maker.close()


@dataclass(slots=True, kw_only=True)
class _Made:
    """A kernel, or why there is none, and what its process wrote so far."""

    early: bytearray
    kernel: Kernel | None = None
    error: KernelError | None = None

    def hand_over(self, sink: Sink) -> Kernel:
        if self.kernel is not None:
            self.kernel.sink = sink
        sink(bytes(self.early))
        if self.error is not None:
            raise self.error
        assert self.kernel is not None
        return self.kernel

    def drop(self) -> None:
        if self.kernel is not None:
            self.kernel.discard()


class _Maker:
    """Makes kernels: all in one thread, but that those which are forked get ready in any."""

    def __init__(self, *, name: str, folder: str, modules: tuple[str, ...], notice: Notice) -> None:
        self._name, self._folder, self._modules = name, folder, modules
        self._notice = notice
        self.forks = True
        self._base: Zygote | None = None
        self._branch: Zygote | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._interpreter: tuple[str, ...] = ()
        self._incubator: warm.Incubator | None = None
        self._env: Mapping[str, str] = {}
        self._experience = Experience()
        self._lock = threading.Lock()

    def zygote(self) -> Zygote | None:
        """Where kernels are forked, if that can be."""
        if not self.forks:
            return None
        try:
            if self._branch is None:
                self._branch = self._new_branch()
            return self._branch
        except RefusedError as error:
            self._refused(error)
            return None

    def forked(self, zygote: Zygote) -> "_Made | None":
        """A kernel that is forked, in whatever thread; None if that cannot be, nor again."""

        def start(sink: Sink) -> Kernel:
            spawn = self._spawn_from(zygote)
            kernel = Kernel.start(name=self._name, folder=self._folder, sink=sink, spawn=spawn)
            kernel.is_settled = True
            return kernel

        try:
            return _made(start)
        except RefusedError as error:
            self._refused(error)
            return None

    def cold(self) -> "_Made":
        """A kernel that is started from nothing."""
        return _made(lambda sink: Kernel.start(name=self._name, folder=self._folder, sink=sink))

    def call(self, function: str, arguments: Sequence[str]) -> Called | None:
        """A function in a process of its own, without what the notebook imports."""
        if not self.forks:
            return None
        try:
            return self._any_base().call(function, arguments)
        except (RefusedError, KernelError):
            return None

    def close(self) -> None:
        """End the zygotes, and what came from them."""
        there = {zygote for zygote in (self._branch, self._base) if zygote is not None}
        for zygote in there:
            zygote.hang_up()
        for zygote in there:
            zygote.close(_END_SECONDS)
        if self._incubator is not None:
            self._incubator.close()
        if self._process is not None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _refused(self, error: RefusedError) -> None:
        with self._lock:
            was_said, self.forks = not self.forks, False
        if not was_said:
            self._notice(f"kernels are started cold, not forked: {error}")

    def _spawn_from(self, zygote: Zygote) -> Any:
        def spawn(command: Sequence[str], folder: str, env: Mapping[str, str]) -> ForkedProcess:
            process, new = zygote.fork(command, folder=folder, env=env)
            self._learn(zygote, new)
            return process

        return spawn

    def _look(self) -> None:
        """Find out in what interpreter kernels run, and what is known and kept warm of it."""
        command, own = kernel_command(self._name)
        at = launcher_at(command)
        if at is None:
            raise RefusedError(f"the kernel `{self._name}` is not started by ipykernel_launcher")
        self._interpreter, self._env = command[:at], environment(own)
        self._incubator = warm.find(self._interpreter, env=self._env)
        self._experience = recall(self._interpreter[0])

    def _any_base(self) -> Zygote:
        """A zygote without the notebook's imports."""
        if not self._interpreter:
            self._look()
        if self._base is None:
            self._base = self._warm_base() or self._cold_base()
            self._base.load((*KERNEL_MODULES, *self._experience.started))
        return self._base

    def _warm_base(self) -> Zygote | None:
        if self._incubator is None:
            return None
        try:
            return self._incubator.session(folder=self._folder, env=self._env)
        except RefusedError:
            self._incubator.close()
            self._incubator = None
            return None

    def _cold_base(self) -> Zygote:
        base, self._process = Zygote.start(self._interpreter, folder=self._folder, env=self._env)
        return base

    def _new_branch(self) -> Zygote:
        """A zygote with the notebook's imports, those left out that do not stand it."""
        if not self._interpreter:
            self._look()
        while True:
            wanted = [one for one in self._modules if one not in self._experience.unfit]
            if not wanted:
                return self._any_base()
            try:
                warm_branch = self._warm_branch(wanted)
                return warm_branch or self._any_base().branch(wanted, folder=self._folder)
            except UnfitError as error:
                unfit = {**self._experience.unfit, error.module: error.why}
                self._remember(replace(self._experience, unfit=unfit))

    def _warm_branch(self, modules: Sequence[str]) -> Zygote | None:
        if self._incubator is None:
            return None
        try:
            return self._incubator.branch(modules, folder=self._folder, env=self._env)
        except RefusedError:
            return None

    def _learn(self, zygote: Zygote, new: tuple[str, ...]) -> None:
        """Modules that a kernel imported while it started are imported before the next fork."""
        with self._lock:
            fresh = tuple(name for name in new if name not in self._experience.started)
            if fresh:
                zygote.load(fresh)
                started = (*self._experience.started, *fresh)
                self._remember(replace(self._experience, started=started))

    def _remember(self, experience: Experience) -> None:
        self._experience = experience
        if self._interpreter[0] == sys.executable:
            keep(self._interpreter[0], experience)


def _made(start: Callable[[Sink], Kernel]) -> _Made:
    """What comes of a start. RefusedError is passed on."""
    early = bytearray()

    def listen(data: bytes) -> None:
        early.extend(data[: max(0, _EARLY_BYTES - len(early))])

    try:
        return _Made(early=early, kernel=start(listen))
    except RefusedError:
        raise
    except Exception as error:  # whoever waits for a kernel must not wait for ever
        return _Made(early=early, error=_as_kernel_error(error))


def _as_kernel_error(error: Exception) -> KernelError:
    if isinstance(error, KernelError):
        return error
    return KernelError(f"{type(error).__name__}: {error}")


def launcher_at(command: Sequence[str]) -> int | None:
    """Where `-m ipykernel_launcher` begins in a kernel's command."""
    pairs = pairwise(command)
    return next((at for at, pair in enumerate(pairs) if pair == _LAUNCHER), None)
