"""Libraries of the table that importing does nothing to others: looked at in a fresh process."""

import importlib.util
import subprocess
import sys

import pytest

from nbflow.analysis.effects import load_effects

LOOK = """
import contextlib, importlib, pkgutil, sys, types, warnings
library, others = sys.argv[1], sys.argv[2:]
warnings.simplefilter("ignore")
for name in others:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)

def parts():
    for name, module in list(sys.modules.items()):
        for key, value in list(vars(module).items()):
            if isinstance(value, types.ModuleType) or name.partition(".")[0] == library:
                continue
            yield (name, key), id(value)
            for one, part in list(vars(value).items()) if isinstance(value, type) else ():
                if one != "__slotnames__" and not one.startswith("_abc"):  # what Python keeps
                    yield (name, key, one), id(part)

import matplotlib
before, settings, filters = dict(parts()), dict(matplotlib.rcParams), [*warnings.filters]
found = importlib.import_module(library)
for inner in pkgutil.walk_packages(getattr(found, "__path__", []), f"{library}."):
    if "test" not in inner.name:
        with contextlib.suppress(ImportError):
            importlib.import_module(inner.name)
known = {name for name, *_ in before}
changed = [key for key, part in parts() if key[0] in known and before.get(key) != part]
changed += [key for key, value in matplotlib.rcParams.items() if settings[key] != value]
print(changed + ["warnings"] * (filters != warnings.filters))
"""
OTHERS = ("numpy", "pandas", "matplotlib.pyplot", "scipy.stats", "sklearn", "seaborn", "IPython")

# Real libraries, all at once; no kernel.
pytestmark = [pytest.mark.slow, pytest.mark.ci]


def changed_by(library: str, *, path: str = "") -> str:
    seen = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({path!r})\n{LOOK}", library, *OTHERS],
        capture_output=True,
        text=True,
        check=True,
    )
    return seen.stdout.splitlines()[-1]


@pytest.mark.parametrize("library", sorted(load_effects().quiet))
def test_importing_it_changes_no_other_library(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip("it is not installed")
    assert changed_by(library) == "[]"


def test_who_registers_something_is_seen(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("registering")
    register = "@pd.api.extensions.register_dataframe_accessor('geo')"
    source = f"import pandas as pd\n{register}\nclass Geo:\n    pass\n"
    (folder / "registers.py").write_text(source)
    assert "('pandas', 'DataFrame', 'geo')" in changed_by("registers", path=str(folder))
