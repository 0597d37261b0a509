"""What breaks around a run."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, printed

pytestmark = [pytest.mark.slow, pytest.mark.ci]


def test_c40_a_damaged_ledger_is_told_with_the_way_out(bench: Bench) -> None:
    bench.notebook("a = [1, 2]", "print('total', sum(a))")
    assert bench.run().code == 0
    stored = sorted(bench.path(".nbflow/store").rglob("*.json"))
    ledger = bench.path(".nbflow/ledger.sqlite")
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))

    for words in (("run", "story.ipynb"), ("runs",), ("plan", "story.ipynb"), ("gc",)):
        said = bench.say(*words)
        assert (said.code, "Traceback" in said.err) == (3, False), said.out + said.err
        assert f"{ledger} is damaged" in " ".join(said.err.split())
    assert sorted(bench.path(".nbflow/store").rglob("*.json")) == stored  # nothing was cleaned up

    told = bench.say("runs", "--json").document["error"]["hint"]
    command = told[told.index("mkdir") : told.rindex(")")]
    assert shlex.quote(str(ledger)) in command
    subprocess.run(command, shell=True, check=True)
    again = bench.run()
    assert again.code == 0
    assert "total 3" in printed(bench.result(again))
    assert bench.path(".nbflow/damaged/ledger.sqlite").read_bytes()[:100] == whole[:100]
