"""The notebooks: fetched by name and hash from the package index that pip is configured with."""

import hashlib
import shutil
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

LIST = Path(__file__).with_name("corpus.toml")
OWN = {
    "golden": Path(__file__).resolve().parents[2] / "notebooks",
    "own": Path(__file__).with_name("own"),
}
"""Folders of this repository; their notebooks are always `dev`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package and which of its files are notebooks and their data (patterns, from its top).

    `data` files are laid beside each notebook of the package by their bare name; `keep` of them
    keep their path below the notebook's own folder.
    """

    name: str
    version: str
    sha256: str
    licence: str
    kind: str = "sdist"
    notebooks: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One notebook of the corpus."""

    name: str
    path: Path

    @property
    def split(self) -> str:
        """`dev` may be looked at while nbflow is worked on; `held_out` is only scored."""
        return split_of(self.name)


def split_of(name: str) -> str:
    """Fixed by the name alone.

    >>> split_of("statsmodels/ols"), split_of("statsmodels/glm")
    ('dev', 'held_out')
    """
    if name.partition("/")[0] in OWN:
        return "dev"
    return "dev" if hashlib.sha256(name.encode()).digest()[0] % 2 else "held_out"


def packages() -> tuple[Package, ...]:
    """The list in corpus.toml."""
    table = tomllib.loads(LIST.read_text())
    return tuple(
        Package(**{k: tuple(v) if isinstance(v, list) else v for k, v in one.items()})
        for one in table["package"]
    )


def entries(cache: Path) -> Iterator[Entry]:
    """All notebooks, unpacked below `cache`."""
    for package in packages():
        home = cache / "notebooks" / f"{package.name}-{package.version}"
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            _unpack(package, _archive(package, cache / "archives"), home)
            (home / "complete").touch()
        for path in sorted(home.glob("*/*.ipynb")):
            if path.stem == path.parent.name:
                yield Entry(name=f"{package.name}/{path.stem}", path=path)
    for group, folder in OWN.items():
        for path in sorted(folder.glob("*.ipynb")):
            yield Entry(name=f"{group}/{path.stem}", path=_laid_out(path, cache / group))


def _laid_out(path: Path, home: Path) -> Path:
    """A notebook of this repository, with the modules beside it, in a folder of its own."""
    place = home / path.stem
    place.mkdir(parents=True, exist_ok=True)
    for file in (path, *path.parent.glob("*.py")):
        if (
            not (place / file.name).exists()
            or file.read_bytes() != (place / file.name).read_bytes()
        ):
            shutil.copyfile(file, place / file.name)
    return place / path.name


def _archive(package: Package, folder: Path) -> Path:
    """The package's file, from the cache or the index; its hash is checked."""
    folder.mkdir(parents=True, exist_ok=True)
    known = [p for p in folder.iterdir() if _sha256(p) == package.sha256]
    if known:
        return known[0]
    path = _download(package, folder)
    if _sha256(path) != package.sha256:
        raise SystemExit(f"{path.name} is not the file that corpus.toml names ({package.sha256})")
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _download(package: Package, folder: Path) -> Path:
    """Let pip find and fetch one file as it is configured, without building anything."""
    from pip._internal.commands import create_command

    command = create_command("download")
    binary = "--no-binary" if package.kind == "sdist" else "--only-binary"
    with command.main_context():
        options, _ = command.parse_args([package.name, "--no-deps", binary, ":all:"])
        session = command.get_default_session(options)  # type: ignore[attr-defined]
        finder = command._build_package_finder(options, session)  # type: ignore[attr-defined]
        for candidate in finder.find_all_candidates(package.name):
            if str(candidate.version) == package.version and candidate.link.hash == package.sha256:
                answer = session.get(candidate.link.url_without_fragment)
                answer.raise_for_status()
                path = folder / candidate.link.filename
                path.write_bytes(answer.content)
                return path
    raise SystemExit(
        f"the package index has no such {package.kind}: {package.name} "
        f"{package.version} ({package.sha256})"
    )


def _unpack(package: Package, archive: Path, home: Path) -> None:
    """Each notebook into a folder of its own, with the package's data files beside it."""
    files = dict(_members(archive, package.kind))
    data = {n: b for n, b in files.items() if _any(n, package.data)}
    for name, content in files.items():
        if not _any(name, package.notebooks) or _any(name, package.leave_out):
            continue
        place = home / PurePosixPath(name).stem
        place.mkdir(parents=True, exist_ok=True)
        (place / PurePosixPath(name).name).write_bytes(content)
        for other, body in data.items():
            target = place / _beside(other, PurePosixPath(name).parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)


def _beside(data: str, folder: PurePosixPath) -> PurePosixPath:
    path = PurePosixPath(data)
    return path.relative_to(folder) if path.is_relative_to(folder) else PurePosixPath(path.name)


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _members(archive: Path, kind: str) -> Iterator[tuple[str, bytes]]:
    """Names (from the package's top) and contents."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                yield (name.partition("/")[2] if kind == "sdist" else name), opened.read(name)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name.partition("/")[2], file.read()
