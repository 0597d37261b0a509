"""`nbflow doctor`: what has to be right for runs to work, each with the way out."""

import os
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from nbflow.core.errors import NbflowError
from nbflow.project.layout import Layout
from nbflow.store.history import Ledger

_LEAST_FREE_BYTES = 1 << 30
_PACKAGES = ("duckdb", "pandas", "pyarrow", "papermill", "nbclient", "ipykernel", "sqlglot")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """One thing that was looked at. `hint` is the way out when it is not ok."""

    name: str
    ok: bool
    message: str
    hint: str | None = None


def examine(layout: Layout) -> tuple[HealthCheck, ...]:
    """Look at interpreter, packages, kernel, disk and history of a project."""
    return (
        _python(),
        _packages(),
        _kernel(),
        _folder(layout),
        _disk(layout),
        _history(layout),
    )


def _python() -> HealthCheck:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return HealthCheck(name="python", ok=sys.version_info >= (3, 11), message=version)


def _packages() -> HealthCheck:
    found: list[str] = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            return HealthCheck(
                name="packages",
                ok=False,
                message=f"{package} is not installed",
                hint=f"{sys.executable} -m pip install {package}",
            )
    return HealthCheck(name="packages", ok=True, message=", ".join(found))


def _kernel() -> HealthCheck:
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return HealthCheck(
            name="kernel",
            ok=False,
            message="there is no kernel `python3`",
            hint=f"{sys.executable} -m ipykernel install --sys-prefix",
        )
    return HealthCheck(name="kernel", ok=True, message=f"python3 ({spec.argv[0]})")


def _folder(layout: Layout) -> HealthCheck:
    place = layout.state if layout.state.exists() else layout.root
    ok = os.access(place, os.W_OK)
    return HealthCheck(
        name="folder",
        ok=ok,
        message=f"results are kept in {layout.state}" if ok else f"{place} cannot be written",
        hint=None if ok else "copy the project to a folder that you may write to, and run it there",
    )


def _disk(layout: Layout) -> HealthCheck:
    free = shutil.disk_usage(layout.root).free
    return HealthCheck(
        name="disk",
        ok=free >= _LEAST_FREE_BYTES,
        message=f"{free / (1 << 30):.1f} GB free below {layout.root}",
        hint=None if free >= _LEAST_FREE_BYTES else "make room: results of steps are kept on disk",
    )


def _history(layout: Layout) -> HealthCheck:
    if not layout.ledger.exists():
        return HealthCheck(name="history", ok=True, message="nothing has run here yet")
    try:
        with Ledger(layout.ledger) as ledger:
            complaints = ledger.check()
    except NbflowError as error:
        return HealthCheck(name="history", ok=False, message=error.message, hint=error.hint)
    if complaints:
        return HealthCheck(
            name="history",
            ok=False,
            message="; ".join(complaints),
            hint=f"move {layout.ledger} away; a new one is made, and results are made again",
        )
    return HealthCheck(name="history", ok=True, message=f"{layout.ledger} is sound")
