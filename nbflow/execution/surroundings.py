"""What a step's result depends on besides the notebook: packages, local modules, files, variables.

Everything is reduced to digests or versions, keyed by content and never by time stamps.
"""

import ast
import glob
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from blake3 import blake3

from nbflow.core.homes import homes, is_installed
from nbflow.core.task import FileTouch

PYTHON = f"{platform.python_implementation()} {platform.python_version()}"
"""The interpreter of the lanes (nbflow's own in this version)."""

PLATFORM = f"{sys.platform}-{platform.machine()}"

_CHUNK_BYTES = 1 << 20


def file_digest(path: Path) -> str | None:
    """blake3 of a file's bytes; for a folder, of its listing with contents; None if it is not
    there."""
    try:
        if path.is_dir():
            return _tree_digest(sorted(p for p in path.rglob("*") if p.is_file()), path)
        hasher = blake3()
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                hasher.update(chunk)
        return hasher.hexdigest()
    except OSError:
        return None


def path_digest(text: str, folder: Path) -> str:
    """Digest of what a literal path means now: a file, a folder, or all matches of a glob.

    `absent` where nothing is there; URLs are not looked at (`remote`).
    """
    if "://" in text:
        return "remote"
    full = folder / Path(text).expanduser()
    if glob.has_magic(text):
        found = sorted(Path(p) for p in glob.glob(str(full), recursive=True))
        return _tree_digest([p for p in found if p.is_file()], folder)
    return file_digest(full) or "absent"


def files_of(text: str, folder: Path) -> tuple[Path, ...]:
    """The files that a folder's path or a glob means now."""
    full = folder / Path(text).expanduser()
    found = full.rglob("*") if full.is_dir() else map(Path, glob.glob(str(full), recursive=True))
    return tuple(path for path in sorted(found) if path.is_file())


def digests_by_name(files: Iterable[Path], folder: Path) -> dict[str, str]:
    """Files as people know them, each with its digest."""
    return {_shown(path, folder): file_digest(path) or "absent" for path in files}


def file_digests(paths: Iterable[str], folder: Path) -> dict[str, str]:
    """`path_digest` of each literal path."""
    return {path: path_digest(path, folder) for path in paths}


def files_in_text(paths: Iterable[str], folder: Path) -> tuple[FileTouch, ...]:
    """The plain files among literal paths, as they are now (no folders, patterns or URLs)."""
    plain = (path for path in paths if "://" not in path and not glob.has_magic(path))
    return tuple(
        FileTouch(path=path, digest=file_digest(folder / path))
        for path in plain
        if (folder / path).is_file()
    )


def environment_digests(names: Iterable[str]) -> dict[str, str]:
    """Digests of environment variables (never the values: they may be secrets)."""
    return {name: _text_digest(os.environ.get(name)) for name in names}


def package_versions(modules: Iterable[str], folder: Path) -> dict[str, str]:
    """Versions of the installed packages that provide the modules (local ones are not packages)."""
    found: dict[str, str] = {}
    for module in modules:
        if module in sys.stdlib_module_names or _local_file(module, folder) is not None:
            continue
        for package in _packages_of(module):
            found[package] = _version(package, _packages_changed())
    return found


def is_found(module: str, folder: Path) -> bool:
    """Whether it is known where a top-level module lies, so that a change of it would be seen."""
    standard = module in sys.stdlib_module_names
    return standard or _local_file(module, folder) is not None or _origin(module) is not None


def module_sources(modules: Iterable[str], folder: Path) -> dict[str, bytes]:
    """The local modules' sources (beside the notebook or editable), transitively."""
    found: dict[str, bytes] = {}
    waiting = list(modules)
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen or module in sys.stdlib_module_names:
            continue
        seen.add(module)
        for source in _local_sources(module, folder):
            text = source.read_bytes()
            found[_shown(source, folder)] = text
            waiting.extend(_imports(text))
    return found


def module_digests(modules: Iterable[str], folder: Path) -> dict[str, str]:
    """Digests of the local modules' sources."""
    return digests_of(module_sources(modules, folder))


def digests_of(sources: Mapping[str, bytes]) -> dict[str, str]:
    """Digests of sources by path."""
    return {path: blake3(text).hexdigest(length=16) for path, text in sources.items()}


def local_source(module: str, folder: Path) -> str | None:
    """The source of a module by its dotted name, if it is one of the user's own."""
    top, *inner = module.split(".")
    file = _local_file(top, folder)
    if file is None or top == "nbflow":
        return None
    if inner:
        if file.name != "__init__.py":
            return None
        place = file.parent.joinpath(*inner)
        file = place.with_suffix(".py") if not place.is_dir() else place / "__init__.py"
    if file.name == "__init__.py" and file.parent.is_dir() and not file.exists():
        return ""  # a package without code of its own
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _tree_digest(files: Iterable[Path], root: Path) -> str:
    hasher = blake3()
    for file in files:
        hasher.update(_shown(file, root).encode("utf-8", "surrogateescape") + b"\0")
        hasher.update((file_digest(file) or "absent").encode())
    return hasher.hexdigest()


def _shown(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def _text_digest(text: str | None) -> str:
    return "unset" if text is None else blake3(text.encode("utf-8", "surrogateescape")).hexdigest()


@cache
def _version(package: str, changed: tuple[int, ...]) -> str:
    """Asked for every step of a run; `changed` tells whether packages were installed since."""
    return importlib.metadata.version(package)


def _packages_changed() -> tuple[int, ...]:
    return tuple(os.stat(home).st_mtime_ns for home in homes() if os.path.isdir(home))


@cache
def _packages_of(module: str) -> tuple[str, ...]:
    """The packages that provide a module: mostly the one of its name, which says so itself.

    Asking all installed packages takes half a second.
    """
    with suppress(importlib.metadata.PackageNotFoundError):
        files = importlib.metadata.distribution(module).read_text("RECORD") or ""
        if re.search(rf"^{re.escape(module)}[/.]", files, flags=re.MULTILINE):
            return (module,)
    return tuple(_providers().get(module, ()))


@cache
def _providers() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def _local_file(module: str, folder: Path) -> Path | None:
    """Where a top-level module lies, if that is outside the standard library and site-packages."""
    for candidate in (folder / f"{module}.py", folder / module / "__init__.py"):
        if candidate.is_file():
            return candidate
    if (folder / module).is_dir():
        return folder / module / "__init__.py"
    origin = _origin(module)
    return None if origin is None or is_installed(str(origin)) else origin


@cache
def _origin(module: str) -> Path | None:
    if module in sys.builtin_module_names:
        return None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin in (None, "built-in", "frozen"):
        return None
    return Path(str(spec.origin))


def _local_sources(module: str, folder: Path) -> list[Path]:
    file = _local_file(module, folder)
    if file is None or module == "nbflow":
        return []
    if file.name != "__init__.py":
        return [file]
    return sorted(p for p in file.parent.rglob("*.py") if p.is_file())


def _imports(source: bytes) -> list[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.extend(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module.partition(".")[0])
    return names
