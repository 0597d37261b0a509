"""Every entry of the table of effects, proven by calling the real library and looking.

A failure here means that the table is wrong, or that a new version of a library does other things
than the version before. Both would make a plan unsound.
"""

import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import fill
from observing import Watcher
from proving import Proof, prove
from recipes import Entry, Section, entries, meant_by, sections

from nbflow.analysis import effects
from nbflow.analysis.effects import load_effects

EFFECTS = load_effects()
SECTIONS = sections()
ENTRIES = tuple(entries(EFFECTS))

NO_RECIPES = Section(default="f()", receivers=(), probe="", uses={}, unseen=frozenset(), excused={})

LIBRARIES = (
    *("builtins", "numpy", "pandas", "matplotlib", "seaborn", "sklearn", "statsmodels", "polars"),
    *("sqlalchemy", "scipy", "requests", "itertools", "functools", "collections", "json", "re"),
    *("datetime", "math", "statistics", "pathlib", "os", "random"),
)
"""Libraries of which something must be proven."""

# A minute of real libraries; no kernel.
pytestmark = [pytest.mark.slow, pytest.mark.ci]

PROVEN_AT_LEAST = 2000


def section_of(entry: Entry) -> Section:
    kind = "type" if entry.of_type else "module"
    return SECTIONS.get(f"{kind} {entry.section}", NO_RECIPES)


def all_entries() -> Iterator[Entry]:
    """Every entry; instead of a module's `*`, what it stands for, unless that is excused."""
    for entry in ENTRIES:
        star = entry.name in ("*", "*Upper") and not entry.of_type
        if star and entry.key not in section_of(entry).excused:
            attributes = EFFECTS.module_attributes.get(entry.section, {})
            yield from meant_by(entry, {*EFFECTS.functions[entry.section], *attributes})
        else:
            yield entry


def to_prove() -> tuple[Entry, ...]:
    """What recipes must prove. Rules for receivers of unknown type have a test of their own."""
    found = (e for e in all_entries() if not (e.of_type and e.section == "unknown"))
    return tuple(entry for entry in found if entry.key not in section_of(entry).excused)


TO_PROVE = to_prove()


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    folder = tmp_path_factory.mktemp("sandbox").resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "agg")
        # joblib asks the machine for its processors once; that is no call of a recipe.
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")
        patch.chdir(folder)
        yield Watcher(folder, fill)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """No test sees the plots of another one."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def proof_of(entry: Entry, watcher: Watcher) -> Proof:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is deprecated has effects all the same
        return prove(entry, section_of(entry), EFFECTS, watcher)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("entry", TO_PROVE, ids=str)
def test_the_table_is_true(entry: Entry, watcher: Watcher) -> None:
    proof = proof_of(entry, watcher)
    assert proof.wrong == (), f"the table says {entry.rule}"
    assert proof.calls, "no recipe calls it: name a receiver that has it, or say why not"
    assert proof.unseen == frozenset(), "no recipe shows what the table claims"


def test_every_entry_is_proven_or_excused() -> None:
    """No section without recipes; and a recipe or an excuse is for an entry that exists."""
    known = {f"{'type' if e.of_type else 'module'} {e.section}" for e in ENTRIES}
    assert known - SECTIONS.keys() == {"type unknown"}
    assert SECTIONS.keys() - known == set()


def test_recipes_are_for_entries() -> None:
    named: dict[str, set[str]] = {}
    for entry in (*ENTRIES, *TO_PROVE):
        kind = "type" if entry.of_type else "module"
        named.setdefault(f"{kind} {entry.section}", set()).add(entry.key)
    lost = {
        f"{name}: {key}"
        for name, section in SECTIONS.items()
        for key in (*section.uses, *section.excused, *section.unseen)
        if key not in named.get(name, ()) and "*" not in named.get(name, ())
    }
    assert lost == set()


def test_enough_is_proven() -> None:
    assert len(TO_PROVE) >= PROVEN_AT_LEAST
    proven = {entry.section.partition(".")[0] for entry in TO_PROVE if not entry.of_type}
    assert set(LIBRARIES) <= proven


def test_no_entry_has_two_rules() -> None:
    """The second would silently win."""
    seen: dict[str, str] = {}
    twice = []
    for section, behaviour, name in written():
        where = f"{section} {name}"
        if where in seen:
            twice.append(f"{where}: {seen[where]!r} and {behaviour!r}")
        seen[where] = behaviour
    assert twice == []


def written() -> Iterator[tuple[str, str, str]]:
    """All names of effects.toml as they stand there: section, behaviour, name."""
    path = Path(str(effects.__file__)).with_name("effects.toml")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    for kind in ("module", "type"):
        for section, behaviours in data[kind].items():
            for behaviour, names in behaviours.items():
                for name in names.split():
                    yield f"{kind} {section}", behaviour, name


@pytest.mark.parametrize("name", EFFECTS.methods["unknown"])
def test_receivers_of_unknown_type_are_feared_enough(name: str) -> None:
    """What a method does on any type we know, its rule for unknown receivers must allow."""
    mine = EFFECTS.methods["unknown"][name]
    for kind, rules in EFFECTS.methods.items():
        rule = rules.get(name)
        if rule is None or kind == "unknown" or name in BY_CODE:
            continue
        assert mine.mutates_self or not rule.mutates_self, kind
        assert mine.keeps or not rule.keeps, kind
        assert mine.returns in ("", rule.returns), kind
        own = rule.returns in ("Series", "same") and rule.result == {"elements"}
        assert own or rule.result <= mine.result, kind


BY_CODE = frozenset({"items", "keys", "values"})
"""Methods whose results the analysis refines itself."""
