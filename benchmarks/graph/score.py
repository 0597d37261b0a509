"""Measure nbflow's inferred graph against the truth on public notebooks, and print a table.

python -m benchmarks.graph [NAMES…]          all notebooks, or those whose name holds a word
python -m benchmarks.graph --explain NAME    each missing and each extra direct edge
"""

import argparse
import dataclasses
import hashlib
import json
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from benchmarks.graph import predict, trace
from benchmarks.graph.corpus import Entry, entries
from benchmarks.graph.explain import explained, wrong_edges
from benchmarks.graph.notebooks import Sample, read, without
from benchmarks.graph.predict import Prediction
from benchmarks.graph.trace import Truth

FEWEST_CELLS = 4
MOST_FAILING = 0.3

PREDICTORS: dict[str, Callable[[Sample], Prediction]] = {
    "nbflow": predict.predicted,
    "names": predict.names,
    "order": predict.order,
    "after-run": predict.after_run,
}


@dataclass(slots=True, kw_only=True)
class Measured:
    """A notebook in its measured form with its truth; `skipped` says why there is none."""

    entry: Entry
    sample: Sample | None = None
    truth: Truth | None = None
    skipped: str = ""
    dropped: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Edges of the closure that count, and how the prediction meets them."""

    true: int
    predicted: int
    missing: frozenset[tuple[int, int]]
    extra: frozenset[tuple[int, int]]

    @property
    def sound(self) -> bool:
        """No true edge is missing."""
        return not self.missing

    @property
    def recall(self) -> float:
        """Share of the true edges that are predicted; 1 where there is none."""
        return 1 - len(self.missing) / self.true if self.true else 1.0

    @property
    def precision(self) -> float:
        """Share of the predicted edges that are true; 1 where there is none."""
        return 1 - len(self.extra) / self.predicted if self.predicted else 1.0


def score(truth: Truth, ancestors: list[set[int]]) -> Score:
    """Compare two closures. Cells that chance decides, and those whose edges no replay has shown
    to be right, are left out as readers."""
    unknown = truth.unscored.keys() | truth.unverified.keys()
    readers = [cell for cell in range(truth.cells) if cell not in unknown]
    known = truth.ancestors()
    true = {(writer, reader) for reader in readers for writer in known[reader]}
    guess = {(writer, reader) for reader in readers for writer in ancestors[reader]}
    return Score(
        true=len(true),
        predicted=len(guess),
        missing=frozenset(true - guess),
        extra=frozenset(guess - true),
    )


# -- the truth, kept in the cache ------------------------------------------------------------------


def measured(
    entry: Entry, cache: Path, seconds: float, *, again: bool, kept_only: bool
) -> Measured:
    """The truth about a notebook. Cells that fail in Run All are taken out of it first."""
    sample = read(entry.path, entry.name)
    key = hashlib.sha256(f"{trace.VERSION}|{_versions()}".encode() + entry.path.read_bytes())
    kept = cache / "truth" / f"{entry.name.replace('/', '-')}-{key.hexdigest()[:12]}.json"
    if kept.exists() and not again:
        known = json.loads(kept.read_text())
        whole = not known["skipped"] and not known["truth"]["unverified"]
        if whole or known.get("seconds", 0) >= seconds or kept_only:
            return _from_json(entry, known)
    if kept_only:
        return Measured(entry=entry, sample=sample, skipped="not traced yet")
    found = _find(entry, sample, seconds)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({**_to_json(found), "seconds": seconds}))
    return found


def _versions() -> str:
    return f"{sys.version_info[:2]}"


def _find(entry: Entry, sample: Sample, seconds: float) -> Measured:
    found = Measured(entry=entry, sample=sample)
    cells = len(sample.sources)
    while True:
        if len(sample.sources) < FEWEST_CELLS:
            found.skipped = "too few code cells" + _first(found.dropped)
        elif len(found.dropped) > MOST_FAILING * cells:
            found.skipped = "too many cells fail" + _first(found.dropped)
        if found.skipped:
            return found
        try:
            truth = trace.find_truth(sample, seconds=seconds)
        except (OSError, ValueError) as error:  # the process that runs the cells broke down
            found.skipped = f"the replays broke down: {error!r}"
            return found
        if truth.error:
            found.skipped = truth.error.strip().splitlines()[-1]
        elif truth.failed:
            found.dropped += [f"{sample.sources[c][:60]!r}: {w}" for c, w in truth.failed.items()]
            path = sample.folder / "measured.ipynb"
            sample = without(sample, set(truth.failed), path)
        else:
            found.sample, found.truth = sample, truth
            return found


def _first(dropped: list[str]) -> str:
    return f", first: {dropped[0]}" if dropped else ""


def _to_json(found: Measured) -> dict[str, Any]:
    assert found.sample is not None
    return {
        "path": str(found.sample.path),
        "truth": dataclasses.asdict(found.truth) if found.truth else None,
        "skipped": found.skipped,
        "dropped": found.dropped,
    }


def _from_json(entry: Entry, kept: dict[str, Any]) -> Measured:
    truth = None
    if kept["truth"]:
        fields = dict(kept["truth"])
        fields["edges"] = {
            int(r): {int(w): names for w, names in direct.items()}
            for r, direct in fields["edges"].items()
        }
        for name in ("unscored", "unverified", "found", "failed"):
            fields[name] = {int(cell): what for cell, what in fields[name].items()}
        truth = Truth(**fields)
    return Measured(
        entry=entry,
        sample=read(Path(kept["path"]), entry.name),
        truth=truth,
        skipped=kept["skipped"],
        dropped=kept["dropped"],
    )


# -- the table -----------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Row:
    """One notebook and its scores."""

    measured: Measured
    with_chain: Score
    without_chain: Score
    without_guards: Score
    prediction: Prediction


def row(found: Measured, predictor: Callable[[Sample], Prediction]) -> Row:
    """Score one notebook."""
    assert found.sample is not None
    assert found.truth is not None
    prediction = predictor(found.sample)
    return Row(
        measured=found,
        with_chain=score(found.truth, prediction.ancestors()),
        without_chain=score(found.truth, prediction.ancestors(chain=False)),
        without_guards=score(found.truth, prediction.ancestors(guards=False)),
        prediction=prediction,
    )


def table(rows: Iterable[Row]) -> list[str]:
    """The table in Markdown."""
    head = (
        "| notebook | split | cells | not scored | not verified | true | sound | recall "
        "| precision | sound (no chain) | precision (no chain) | sound (no guards) "
        "| precision (no guards) | one lane |"
    )
    lines = [head, "|---|---|--:|--:|--:|--:|---|--:|--:|---|--:|---|--:|---|"]
    for one in rows:
        truth = one.measured.truth
        assert truth is not None
        full, free, bare = one.with_chain, one.without_chain, one.without_guards
        lines.append(
            f"| {one.measured.entry.name} | {one.measured.entry.split} | {truth.cells} "
            f"| {len(truth.unscored)} | {len(truth.unverified)} | {full.true} "
            f"| {_sound(full)} | {full.recall:.2f} | {full.precision:.2f} "
            f"| {_sound(free)} | {free.precision:.2f} | {_sound(bare)} | {bare.precision:.2f} "
            f"| {'yes' if one.prediction.one_lane else ''} |"
        )
    return lines


def _sound(one: Score) -> str:
    return "yes" if one.sound else f"**no** ({len(one.missing)})"


def summary(rows: list[Row], title: str) -> str:
    """One line of means."""
    if not rows:
        return f"{title}: nothing"
    full, free = [r.with_chain for r in rows], [r.without_chain for r in rows]
    bare = [r.without_guards for r in rows]
    return (
        f"{title}: {len(rows)} notebooks, {sum(s.true for s in full)} true edges; "
        f"sound {sum(s.sound for s in full)}, macro precision {_mean(s.precision for s in full)}, "
        f"recall {_mean(s.recall for s in full)}; without the one-lane chain: "
        f"sound {sum(s.sound for s in free)}, precision {_mean(s.precision for s in free)}, "
        f"recall {_mean(s.recall for s in free)}; without guards: "
        f"sound {sum(s.sound for s in bare)}, precision {_mean(s.precision for s in bare)}; "
        f"{sum(bool(r.prediction.one_lane) for r in rows)} in one lane"
    )


def _mean(values: Iterable[float]) -> str:
    return f"{statistics.fmean(values):.3f}"


def reasons(rows: Iterable[Row]) -> list[str]:
    """Why notebooks run in one kernel, most frequent first, with an example."""
    found: Counter[str] = Counter()
    example: dict[str, str] = {}
    for one in rows:
        shapes = {_shape(reason): reason for reason in one.prediction.one_lane}
        found.update(shapes.keys())
        for shape, reason in shapes.items():
            example.setdefault(shape, f"{one.measured.entry.name} {reason}")
    return [f"{n} notebooks: {shape}   e.g. {example[shape]}" for shape, n in found.most_common()]


def _shape(reason: str) -> str:
    """A reason without its place and names.

    >>> _shape("cell 8 line 5 changes `f`, which cell 7 defines")
    'cell N changes `…`, which cell N defines'
    """
    return re.sub(r"`[^`]*`", "`…`", re.sub(r"cell \d+( line \d+)?", "cell N", reason))


def causes(rows: Iterable[Row], most: int) -> list[str]:
    """What brings wrong direct edges about: number of edges, number of notebooks, an example."""
    edges: Counter[str] = Counter()
    notebooks: dict[str, set[str]] = {}
    example = {}
    for one in rows:
        found = one.measured
        assert found.sample is not None
        assert found.truth is not None
        for wrong in wrong_edges(found.sample, found.truth, one.prediction):
            for cause in dict.fromkeys(wrong.causes()):
                edges[cause] += 1
                notebooks.setdefault(cause, set()).add(found.sample.name)
                example.setdefault(cause, f"{found.sample.name} {next(wrong.lines())[:90]}")
    return [
        f"{count} in {len(notebooks[cause])} × {cause}   e.g. {example[cause]}"
        for cause, count in edges.most_common(most)
    ]


# -- the command ---------------------------------------------------------------------------------


def main() -> None:
    """Measure and print."""
    given = _arguments()
    wanted = [
        entry
        for entry in entries(given.cache)
        if (not given.names or any(word in entry.name for word in given.names))
        and given.split in ("all", entry.split)
    ]
    predictor = PREDICTORS[given.predict]
    if given.predict == "after-run":
        predictor = partial(predict.after_run, kept=given.runs, seconds=given.run_seconds)
    rows, skipped = [], []
    for found in _all_measured(wanted, given):
        if found.truth is None:
            skipped.append(f"{found.entry.name}: {found.skipped}")
            continue
        try:
            one = row(found, predictor)
        except RuntimeError as error:
            skipped.append(f"{found.entry.name}: {error}")
            continue
        rows.append(one)
        if given.explain:
            print("\n".join(explained(found.sample, found.truth, one.prediction)), flush=True)
    print("\n".join(table(rows)), end="\n\n")
    for split in ("dev", "held_out"):
        print(summary([r for r in rows if r.measured.entry.split == split], split))
    print(summary(rows, "all"), end="\n\n")
    print("one lane because:", *reasons(rows), sep="\n  ")
    refused = [f"{r.measured.entry.name}: {e}" for r in rows for e in r.prediction.errors]
    print("\nrefused before a run:", *refused, sep="\n  ")
    if given.causes:
        print("\nwrong direct edges come from:", *causes(rows, given.causes), sep="\n  ")
    print("\nskipped:", *skipped, sep="\n  ")
    if given.json:
        given.json.write_text(json.dumps([_row_json(one) for one in rows], indent=1))


def _all_measured(wanted: list[Entry], given: argparse.Namespace) -> list[Measured]:
    def one(entry: Entry) -> Measured:
        found = measured(
            entry, given.cache, given.limit_seconds, again=given.trace_again, kept_only=given.kept
        )
        state = f"{found.truth.replays} runs" if found.truth else found.skipped
        print(f"{entry.name}: {state}", file=sys.stderr, flush=True)
        return found

    mixed = sorted(wanted, key=lambda entry: hashlib.sha256(entry.name.encode()).digest())
    with ThreadPoolExecutor(given.jobs) as pool:
        return sorted(pool.map(one, mixed), key=lambda found: found.entry.name)


def _row_json(one: Row) -> dict[str, Any]:
    full, free = one.with_chain, one.without_chain
    return {
        "notebook": one.measured.entry.name,
        "split": one.measured.entry.split,
        "true": full.true,
        "sound": full.sound,
        "recall": full.recall,
        "precision": full.precision,
        "sound_without_chain": free.sound,
        "precision_without_chain": free.precision,
        "sound_without_guards": one.without_guards.sound,
        "precision_without_guards": one.without_guards.precision,
        "missing": sorted(full.missing),
        "extra": sorted(full.extra),
        "one_lane": one.prediction.one_lane,
        "dropped": one.measured.dropped,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.graph",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help="words; a notebook is taken if one is in its name")
    parser.add_argument("--split", choices=("dev", "held_out", "all"), default="all")
    parser.add_argument("--predict", choices=tuple(PREDICTORS), default="nbflow")
    parser.add_argument("--explain", action="store_true", help="print missing and extra edges")
    parser.add_argument("--causes", type=int, default=0, help="count so many causes of wrong edges")
    parser.add_argument("--kept", action="store_true", help="only notebooks whose truth is kept")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit-seconds", type=float, default=240.0, help="for each notebook")
    parser.add_argument("--trace-again", action="store_true", help="do not use kept truths")
    parser.add_argument("--cache", type=Path, default=user_cache_path("nbflow-graph-benchmark"))
    parser.add_argument("--runs", type=Path, help="keep what after-run runs here; run it once")
    parser.add_argument("--run-seconds", type=float, default=600.0, help="for each run")
    parser.add_argument("--json", type=Path, help="write the scores here, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
