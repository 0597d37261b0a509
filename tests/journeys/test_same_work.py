"""Two runs that need the same result at the same time: it is made once."""

import json
import signal
import sys
from pathlib import Path
from subprocess import Popen

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, Said, printed, until

pytestmark = pytest.mark.slow

LONG = pytest.mark.ci

# The step's text must not name the files by which the test steers it: they would be its inputs.
STORY = (
    "import os\nimport time\nfrom pathlib import Path",
    (
        (
            "Path(f'made-{os.getpid()}').write_text('')\n"
            "while Path('dloh'[::-1]).exists():\n    time.sleep(0.02)\n"
            "a = [1, 2, 3]"
        ),
        ["step:slow", "cache:always"],
    ),
    ("print('total', sum(a))", ["step:total"]),
)


def made(bench: Bench) -> int:
    """How often the slow step has begun."""
    return len(list(bench.folder.glob("made-*")))


def begun(bench: Bench) -> "Popen[str]":
    """A run that is in the middle of its slow step."""
    bench.notebook(*STORY)
    bench.path("hold").touch()
    first = bench.start("run", "story.ipynb", "--json")
    until(lambda: made(bench) or None)
    return first


def waiting(bench: Bench) -> "Popen[str]":
    """A second run, which waits for that step."""
    second = bench.start("run", "story.ipynb", "--json")
    bench.await_step(second, "slow", "waiting")
    return second


def end_both(bench: Bench, first: "Popen[str]", second: "Popen[str]") -> tuple[Said, Said]:
    bench.path("hold").unlink()
    return bench.end(first), bench.end(second)


def test_the_second_run_waits_and_takes_what_the_first_made(bench: Bench) -> None:
    first = begun(bench)
    second = waiting(bench)
    runs = bench.say("runs", "--json").document["runs"]
    shown = bench.status().steps["slow"]
    assert shown["reason"] == "made_elsewhere"
    assert shown["message"] == (
        f"waiting for run {runs[1]['run'][:13]}, which makes the same result"
    )
    one, other = end_both(bench, first, second)
    assert (one.code, other.code) == (0, 0), one.err + other.err
    assert made(bench) == 1
    assert "slow" in one.ran()
    assert "slow" in other.reused()
    assert printed(bench.result(other)) == printed(bench.result(one)) == "total 6\n"
    why = bench.say("why", other.document["run"], "slow").out.splitlines()
    assert why[:2] == [
        f"slow was waiting for run {runs[1]['run'][:13]}, which makes the same result",
        f"slow was reused: same inputs as run {runs[1]['run'][:13]}",
    ]
    bench.await_silence()


def test_the_work_of_a_killed_run_is_taken_over(bench: Bench) -> None:
    first = begun(bench)
    second = waiting(bench)
    first.send_signal(signal.SIGKILL)
    until(lambda: made(bench) == 2 or None)
    one, other = end_both(bench, first, second)
    assert one.code == -signal.SIGKILL
    assert other.code == 0, other.out + other.err
    assert "slow" in other.ran()
    assert "total 6" in printed(bench.result(other))
    bench.await_silence()


@LONG
def test_c14_a_runner_that_stands_still_is_not_overtaken(bench: Bench) -> None:
    first = begun(bench)
    first.send_signal(signal.SIGSTOP)
    try:
        said = bench.say("resume", "latest")
        assert (said.code, "still running" in said.err) == (2, True)
        second = waiting(bench)
    finally:
        first.send_signal(signal.SIGCONT)
    one, other = end_both(bench, first, second)
    assert (one.code, other.code) == (0, 0), one.err + other.err
    assert "total 6" in printed(bench.result(one))
    assert "total 6" in printed(bench.result(other))
    assert made(bench) == 1
    bench.await_silence()


@LONG
def test_a_run_that_waits_can_be_cancelled(bench: Bench) -> None:
    first = begun(bench)
    second = waiting(bench)
    assert bench.say("cancel", "latest").code == 0
    stopped = bench.end(second)
    assert stopped.document["status"] == "cancelled"
    bench.path("hold").unlink()
    assert bench.end(first).code == 0
    bench.await_silence()


@LONG
def test_a_forced_run_waits_for_nobody(bench: Bench) -> None:
    first = begun(bench)
    second = bench.start("run", "story.ipynb", "--json", "--force")
    until(lambda: made(bench) == 2 or None)
    one, other = end_both(bench, first, second)
    assert (one.code, other.code) == (0, 0)
    assert "slow" in other.ran()


@LONG
def test_events_tell_of_the_wait(bench: Bench) -> None:
    first = begun(bench)
    second = bench.start("run", "story.ipynb", "--events")
    bench.await_step(second, "slow", "waiting")
    one, other = end_both(bench, first, second)
    assert (one.code, other.code) == (0, 0)
    events = [json.loads(line) for line in other.out.splitlines()]
    told = [(e["kind"], e["reason"]) for e in events if e["step"] == "slow"]
    assert ("step_waiting", "made_elsewhere") in told
    assert told[-1] == ("step_reused", "reused")
