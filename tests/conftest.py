"""What all tests share: a flag for expected files, and independence from the person's set-up."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from nbflow.inside import surroundings

# Warnings are errors, flaky tests too: no deadline (machines differ), the same examples every time.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-expected",
        action="store_true",
        help="write the expected files of the golden notebooks anew instead of comparing with them",
    )


@pytest.fixture(scope="session")
def write_expected(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--write-expected"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's top folder."""
    return Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def no_tests_among_the_modules() -> Iterator[None]:
    """In a kernel there are none. Here their data would be looked at around every step."""
    is_local = surroundings.is_local
    folder = os.path.dirname(__file__) + os.sep

    def is_of_a_project(module: Any) -> bool:
        return is_local(module) and not str(module.__file__).startswith(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surroundings, "is_local", is_of_a_project)
        yield


@pytest.fixture(scope="session", autouse=True)
def own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kernels started by tests see no profile, history or configuration of the person."""
    home = tmp_path_factory.mktemp("surroundings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        patch.setenv("JUPYTER_CONFIG_DIR", str(home / "jupyter"))
        patch.setenv("MPLCONFIGDIR", os.environ.get("MPLCONFIGDIR", str(home / "matplotlib")))
        patch.delenv("PYTHONWARNINGS", raising=False)
        yield


@pytest.fixture(scope="session")
def known_fonts(own_surroundings: None) -> None:
    """Matplotlib has looked for fonts: on a busy machine it says in a cell that this takes long."""
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True)
