"""What surrounds a step's names in its process."""

import sys
import types

import pytest

from nbflow.inside.surroundings import Changed, changed_since, module_states

SOURCE = """
class P:
    count = 0
    tags = []
    def method(self):
        pass
def f(v=[]):
    return v
x = [1]
"""


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    made = types.ModuleType("__main__")
    exec(SOURCE, vars(made))
    monkeypatch.setitem(sys.modules, "__main__", made)
    return made


@pytest.mark.parametrize(
    "change",
    [
        "P.count += 1",
        "P.tags.append(1)",
        "P.new = 2",
        "f.calls = 1",
        "f.__defaults__[0].append(1)",
    ],
)
def test_what_classes_and_functions_of_the_notebook_hold_is_watched(
    notebook: types.ModuleType, change: str
) -> None:
    before = module_states()
    exec(change, vars(notebook))
    assert changed_since(before) == Changed(definitions=frozenset({change[0]}))


@pytest.mark.parametrize(
    "harmless",
    [
        "x.append(2)",
        "P().tags",
        "class P:\n    count = 7",
        "class Q:\n    count = 7",
        "del P",
        "P.method.__name__",
    ],
)
def test_names_and_new_definitions_are_no_state(notebook: types.ModuleType, harmless: str) -> None:
    before = module_states()
    exec(harmless, vars(notebook))
    assert changed_since(before) == Changed()
