"""Findings as SARIF 2.1.0, the form in which code hosts and editors take them.

A notebook is a JSON file to them: regions are lines of that file, and the cell is told as a logical
location. No line is quoted, so a secret does not travel.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from nbflow.core.diagnostic import Diagnostic, Place, Severity
from nbflow.faces import pages
from nbflow.faces.checked import Checked
from nbflow.faces.text import fix_text

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}

_Json = dict[str, Any]


def document(checked: Sequence[Checked]) -> str:
    """The SARIF log of one call, as JSON text."""
    from nbflow import __version__

    codes = sorted({each.code for one in checked for each in one.found})
    driver = {"name": "nbflow", "version": __version__, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": _artifact(one.path)} for one in checked],
        "results": [_result(one, each, codes) for one in checked for each in one.found],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2) + "\n"


def _rule(code: str) -> _Json:
    known = code in pages.codes()
    page = pages.page(code) if known else code
    return {
        "id": code,
        "shortDescription": {"text": pages.summary(code)},
        "help": {"text": page, "markdown": page},
    }


def _result(one: Checked, found: Diagnostic, codes: Sequence[str]) -> _Json:
    hint = f" ({found.hint})" if found.hint else ""
    result = {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "level": _LEVELS[found.severity],
        "message": {"text": f"{found.message}{hint}"},
        "locations": [_location(one, found.place)],
    }
    also = [place for place in found.also if place.cell_index is not None]
    if also:
        result["relatedLocations"] = _related(one, also)
    replaced = _replacement(one, found)
    if replaced is not None:
        result["fixes"] = [replaced]
    return result


def _replacement(one: Checked, found: Diagnostic) -> _Json | None:
    """A fix of a cell's text, as a change of the file."""
    fix, place = found.fix, found.place
    line = one.lines.at(replace(place, line=fix.line)) if fix is not None and fix.line else None
    column = one.lines.column_of(line, fix.column, fix.old) if fix and line is not None else None
    if fix is None or line is None or column is None:
        return None
    deleted = {
        "startLine": line.number,
        "startColumn": column + 1,
        "endColumn": column + 1 + len(fix.old),
    }
    change = {"deletedRegion": deleted, "insertedContent": {"text": fix.new}}
    changes = [{"artifactLocation": _artifact(one.path), "replacements": [change]}]
    return {"description": {"text": fix_text(fix)}, "artifactChanges": changes}


def _related(one: Checked, places: Iterable[Place]) -> list[_Json]:
    return [{"id": number, **_location(one, place)} for number, place in enumerate(places, 1)]


def _location(one: Checked, place: Place) -> _Json:
    physical: _Json = {"artifactLocation": _artifact(one.path)}
    line = one.lines.at(place) if place.cell_index is not None else None
    if line is not None:
        physical["region"] = {"startLine": line.number}
    location: _Json = {"physicalLocation": physical}
    if place.cell_index is not None:
        name = f"cell {place.cell_index + 1}"
        within = "" if place.line is None else f", line {place.line}"
        location["logicalLocations"] = [
            {"name": name, "fullyQualifiedName": f"{one.path}:{name}{within}", "kind": "module"}
        ]
    return location


def _artifact(path: str) -> _Json:
    """Relative to the folder of the call, as code hosts want it; absolute where it is elsewhere."""
    here = Path(path)
    absolute, current = here.absolute(), Path.cwd()
    if absolute.is_relative_to(current):
        return {"uri": quote(absolute.relative_to(current).as_posix())}
    return {"uri": absolute.as_uri()}
