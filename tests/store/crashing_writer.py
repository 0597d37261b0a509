"""A runner's bookkeeping in a process of its own, made to be killed. Not a test: tests start it.

crashing_writer.py LEDGER RUN steps           writes steps without end, telling each on stdout
crashing_writer.py LEDGER RUN events COUNT    writes that many events when a line comes in
crashing_writer.py LEDGER RUN die NUMBER      kills itself at that statement of a step's commit
crashing_writer.py LEDGER RUN lose NUMBER     the same, while it declares the run lost
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from nbflow.core.plan import Recorded
from nbflow.core.run import Event, EventKind, Run, RunId, Status, StepResult
from nbflow.core.step import StepId
from nbflow.core.task import Blob
from nbflow.store.history import FIRST_FENCE, Ledger

AT = "2026-01-01T00:00:00Z"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def commit_step(ledger: Ledger, run: RunId, number: int) -> None:
    """A step with two outputs and 20 kB of text, so that a commit spans several pages."""
    blobs = [
        Blob(names=(name,), kind="json", digest=f"{number:064x}", preview="p" * 10_000)
        for name in ("a", "b")
    ]
    result = StepResult(
        step=f"s{number}",
        step_id=f"s{number}",
        status=Status.SUCCEEDED,
        attempts=1,
        outputs=tuple(blobs),
        fingerprint=f"f{number}",
    )
    recorded = Recorded(
        fingerprint=f"f{number}",
        run=run,
        step=StepId(f"s{number}"),
        finished=AT,
        outputs={blob.names[0]: blob for blob in blobs},
    )
    event = Event(at=AT, run=run, kind=EventKind.STEP_FINISHED, step=f"s{number}", attempt=1)
    ledger.step_succeeded(
        run, FIRST_FENCE, result, recorded, event, fingerprint_parts={"source": str(number)}
    )


def die_at(ledger: Ledger, fatal: int) -> None:
    statements = count(1)

    def counted(statement: str) -> None:
        if next(statements) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    ledger._db._connection.set_trace_callback(counted)


def main() -> None:
    path, run, what = Path(sys.argv[1]), RunId(sys.argv[2]), sys.argv[3]
    with Ledger(path) as ledger:
        match what:
            case "steps":
                started = Run(id=run, status=Status.RUNNING, notebook="n.ipynb", notebook_hash="h")
                ledger.create_run(started)
                for number in count():
                    commit_step(ledger, run, number)
                    say(f"s{number}")
            case "events":
                say("ready")
                sys.stdin.readline()
                started = Run(id=run, status=Status.RUNNING, notebook="n.ipynb", notebook_hash="h")
                ledger.create_run(started)
                for number in range(int(sys.argv[4])):
                    kind = EventKind.STEP_OUTPUT
                    ledger.append(Event(at=AT, run=run, kind=kind, message=str(number)))
            case "die":
                die_at(ledger, int(sys.argv[4]))
                commit_step(ledger, run, 0)
            case "lose":
                die_at(ledger, int(sys.argv[4]))
                ledger.mark_lost("2026-01-02T00:00:00Z", lambda pid, started: False)


if __name__ == "__main__":
    main()
