"""Running cells of a notebook in fresh processes, from here: one zygote for each notebook."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.graph.notebooks import Sample

ROOT = Path(__file__).resolve().parents[2]


class OutOfTime(Exception):
    """The notebook has used up its seconds."""


class Replays:
    """Runs sets of cells of one notebook. Answers are kept, so that none is run twice."""

    def __init__(self, sample: Sample, *, seconds: float) -> None:
        self.sample = sample
        self.ends = time.monotonic() + seconds
        self.count = 0
        self.shared = False
        self.longest = seconds
        self.kept: dict[tuple[tuple[int, ...], tuple[str, ...], bool], dict[str, Any]] = {}
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.graph.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environ,
        )
        setup = {
            "modules": sample.modules(),
            "sources": sample.sources,
            "folder": str(sample.folder),
        }
        self._send(setup)

    def close(self) -> None:
        """End the zygote, which ends what it has started."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.close()
            self.process.wait(timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self) -> "Replays":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def left(self) -> float:
        """Seconds that are left for this notebook."""
        return self.ends - time.monotonic()

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.left < 1:
            raise OutOfTime
        assert self.process.stdout is not None
        self._send({**message, "seconds": min(self.left, self.longest)})
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.count += 1
        if "took longer" in answer.get("error", ""):
            raise OutOfTime(answer["error"])
        return answer

    def run_all(self) -> dict[str, Any]:
        """All cells, traced."""
        started = time.monotonic()
        found = self._ask({"cells": list(range(len(self.sample.sources))), "trace": True})
        self.longest = 20 + 4 * (time.monotonic() - started)
        return found

    def run_again(self, watch: list[list[str]]) -> dict[str, Any]:
        """All cells, only telling what each showed and the digests of the names given for it."""
        return self._ask({"cells": list(range(len(watch))), "watch": watch, "trace": False})

    def replay(
        self,
        cells: Iterable[int],
        names: Iterable[str],
        *,
        draw: bool = False,
        again: bool = False,
    ) -> dict[str, Any]:
        """Some cells in notebook order: what the last one showed, and the digests of `names`.

        `draw` draws the figures of all cells, not only of the last one; `again` runs them though
        the answer is known.
        """
        key = (tuple(sorted(cells)), tuple(names), draw)
        if key not in self.kept or again:
            request = {"cells": key[0], "names": key[1], "draw": draw, "trace": False}
            try:
                self.kept[key] = self._ask({**request, "shared": self.shared and not draw})
            except OutOfTime:
                if not self.shared or draw:
                    raise
                self.shared = False  # code that a fork has stopped
                self.kept[key] = self._ask(request)
        return self.kept[key]
