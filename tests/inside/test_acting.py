"""What a look at an instance calls: methods that are seen to do nothing, and others."""

import importlib
import sys
from pathlib import Path

import pytest

from nbflow.inside.acting import acting_method, trust

QUIET = """
import functools
from dataclasses import dataclass

@dataclass(frozen=True)
class Point:
    x: int

class Lookup(dict):
    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error
    def __iter__(self):
        return iter(sorted(self.keys()))

class WithoutLock:
    def __getstate__(self):
        state = self.__dict__.copy()
        del state["lock"]
        state["version"] = 2
        return state
    def __hash__(self):
        return hash((type(self), self.name.lower()))
    def __eq__(self, other):
        return isinstance(other, WithoutLock) and self.name == other.name

class Walker:
    def __iter__(self):
        self.at = 0
        return self
"""

ACTING = """
SEEN = []

class Appends:
    def __hash__(self):
        SEEN.append(self)
        return 1

class Counts:
    def __eq__(self, other):
        self.asked += 1
        return True

class Prints:
    def __reduce__(self):
        print("reduced")
        return Prints, ()

class Global:
    def __getattr__(self, name):
        global last
        last = name
        raise AttributeError(name)

class Singleton:
    def __new__(cls):
        cls.made = super().__new__(cls)
        return cls.made

class Logging(dict):
    def items(self):
        SEEN[0] = 1
        return super().items()

class Child(Appends):
    pass

def loud(method):
    def call(self):
        SEEN.clear()
        return method(self)
    call.__wrapped__ = method
    return call

class Decorated:
    @loud
    def __hash__(self):
        return 1
"""


def kinds(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> list[type]:
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    module = importlib.import_module(name)
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, name, module)
    return [one for one in vars(module).values() if isinstance(one, type)]


def test_modules_beside_the_notebook_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = kinds(tmp_path, "quiet_classes", QUIET, monkeypatch)
    acting = kinds(tmp_path, "acting_classes", ACTING, monkeypatch)
    trust(())
    try:
        assert [kind.__name__ for kind in quiet if acting_method(kind)] == []
        assert [kind.__name__ for kind in acting if not acting_method(kind)] == []
        assert acting_method(Path) is None
    finally:
        trust(None)
    assert acting_method(acting[0]) is None
