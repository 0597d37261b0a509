"""`nbflow check`: which notebooks, which findings, and the four forms in which it tells them."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nbflow.core.diagnostic import Place
from nbflow.faces.cli import main
from nbflow.faces.file_lines import cell_lines, read_lines

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
SECRET = "Yaks-crossing-77"


def write(path: Path, *sources: str) -> Path:
    """A notebook of code cells with fixed ids; a source that begins with `#:` is Markdown."""
    cells = [
        (new_markdown_cell if source.startswith("#:") else new_code_cell)(source, id=f"c{number}")
        for number, source in enumerate(sources, start=1)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
    return path


class Ended:
    """How a call ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def codes(self) -> list[str]:
        """The codes that a JSON answer tells."""
        return [each["code"] for each in self.json["diagnostics"]]


Check = Callable[..., Ended]


@pytest.fixture
def check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Check:
    """`nbflow check …` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*argv: str) -> Ended:
        capfd.readouterr()
        code = main(("check", *argv))
        return Ended(code, *capfd.readouterr())

    return call


BAD = ("#: about", "x = [1]\nprint(x)", "print(late)", "late = [1]\nprint(late)")
DOUBTFUL = ("import random", "print(random.random())")


# -- text ----------------------------------------------------------------------------------------


def test_a_finding_shows_place_line_and_way_out(check: Check, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", *BAD)
    ended = check("a.ipynb")
    assert ended.code == 2
    assert ended.out == (
        "a.ipynb:cell 3:1: error[out-of-order] `late` is read here but first written below, in"
        " cell 4\n"
        "  1 | print(late)\n"
        "    |       ^^^^\n"
        "  hint: Run All fails here with a NameError; move the cell that writes it up\n"
        "\n"
        "✗ a.ipynb: 1 error\n"
    )


def test_a_good_notebook_is_said_to_be_good(check: Check, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", "x = [1]\nprint(x)")
    assert (check("a.ipynb").code, check("a.ipynb").out) == (0, "✓ a.ipynb: nothing to mend\n")


def test_of_several_notebooks_the_good_ones_are_only_counted(check: Check, tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / f"{name}.ipynb", "print(1)")
    write(tmp_path / "d.ipynb", *DOUBTFUL)
    lines = check(".").out.splitlines()
    assert lines[-2:] == ["✓ d.ipynb: 1 warning", "4 notebooks: 1 warning"]
    assert not any("a.ipynb" in line for line in lines)


def test_all_places_of_a_finding_are_named(check: Check, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", "x = [1]\nprint(x)", "del x", "print(x)")
    assert "  see also cell 2\n" in check("a.ipynb").out


def test_what_hides_in_a_line_is_made_visible(check: Check, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", "print(late)  # \u202e \x1b[31m", "late = [1]\nprint(late)")
    out = check("a.ipynb").out
    assert "\\u202e \\x1b[31m" in out
    assert "\x1b" not in out


# -- which findings ------------------------------------------------------------------------------


def test_strict_lets_warnings_fail_but_no_infos(check: Check, tmp_path: Path) -> None:
    write(tmp_path / "warning.ipynb", *DOUBTFUL)
    write(tmp_path / "info.ipynb", "import os", "print(os.path.exists('/home/ada/shop'))")
    assert check("warning.ipynb").code == 0
    assert check("--strict", "warning.ipynb").code == 2
    assert check("--strict", "info.ipynb").code == 0
    assert "1 info" in check("info.ipynb").out


def test_select_and_ignore_take_codes(check: Check, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", *BAD, *DOUBTFUL, f"password = '{SECRET}'\nprint(password)")
    assert check("a.ipynb", "--json").codes == ["out-of-order", "unseeded-random", "secret"]
    chosen = check("a.ipynb", "--json", "--select", "secret, unseeded-random")
    assert (chosen.code, chosen.codes) == (0, ["unseeded-random", "secret"])
    rest = check("a.ipynb", "--json", "--ignore", "secret", "--ignore", "unseeded-random")
    assert (rest.code, rest.codes) == (2, ["out-of-order"])


@pytest.mark.parametrize("option", ["--select", "--ignore", "--explain"])
def test_an_unknown_code_is_wrong_usage_and_the_nearest_is_offered(
    check: Check, tmp_path: Path, option: str
) -> None:
    write(tmp_path / "a.ipynb", "print(1)")
    ended = check("a.ipynb", option, "secrets")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error[usage]: there is no code 'secrets'\nhint: did you mean secret?\n"


# -- which notebooks -----------------------------------------------------------------------------


def test_folders_are_walked_but_not_checkpoints_and_environments(
    check: Check, tmp_path: Path
) -> None:
    for name in ("b", "sub/a", ".ipynb_checkpoints/b", ".nbflow/runs/x/b", "env/lib/c"):
        write(tmp_path / f"{name}.ipynb", *BAD)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "notes.txt").write_text("print(late)")
    found = check(".", "b.ipynb", "--json").json["diagnostics"]
    assert [each["notebook"] for each in found] == ["b.ipynb", "sub/a.ipynb"]


def test_a_folder_without_notebooks_is_wrong_usage(check: Check, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = check("empty")
    assert (ended.code, ended.out) == (2, "")
    assert "no notebooks in empty" in ended.err


def test_nothing_named_is_wrong_usage(check: Check) -> None:
    assert check().code == 2


def test_a_broken_notebook_is_a_finding_among_others(check: Check, tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_text("{")
    write(tmp_path / "doubtful.ipynb", *DOUBTFUL)
    ended = check(".")
    assert ended.code == 2
    assert "broken.ipynb: error[not-json] line 1, column 2: not JSON" in ended.out
    assert ended.out.endswith("2 notebooks: 1 error, 1 warning\n")


# -- the other forms -----------------------------------------------------------------------------


def test_format_json_is_the_json_form(check: Check, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", *BAD)
    assert check("a.ipynb", "--format", "json").json == check("a.ipynb", "--json").json


def test_two_forms_at_once_are_wrong_usage(check: Check, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", *BAD)
    assert check("a.ipynb", "--json", "--format", "sarif").code == 2


def test_github_gets_workflow_commands_with_lines_of_the_file(check: Check, tmp_path: Path) -> None:
    path = write(tmp_path / "a, b.ipynb", *BAD)
    line = 1 + next(
        number for number, text in enumerate(path.read_text().splitlines()) if "print(late)" in text
    )
    assert check("a, b.ipynb", "--format", "github").out == (
        f"::error file=a%2C b.ipynb,line={line},title=nbflow out-of-order::cell 3, line 1: `late`"
        " is read here but first written below, in cell 4%0Ahint: Run All fails here with a"
        " NameError; move the cell that writes it up\n"
    )


@pytest.fixture
def sarif(check: Check, tmp_path: Path) -> dict[str, Any]:
    """The log of two notebooks with all kinds of findings."""
    write(tmp_path / "a b.ipynb", *BAD, *DOUBTFUL, "del late", "print(late)")
    write(tmp_path / "sub" / "c.ipynb", f"password = '{SECRET}'\nprint(password)", "exec('a = 1')")
    (tmp_path / "d.ipynb").write_text("")
    ended = check(".", "--format", "sarif")
    assert ended.code == 2
    assert ended.err == ""
    log: dict[str, Any] = ended.json
    return log


def test_sarif_has_what_the_standard_requires(sarif: dict[str, Any]) -> None:
    # SARIF 2.1.0: §3.13 sarifLog, §3.14 run, §3.18 tool, §3.19 toolComponent
    assert sarif["version"] == "2.1.0"
    assert set(sarif) == {"$schema", "version", "runs"}
    (run,) = sarif["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "nbflow"
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    for rule in driver["rules"]:  # §3.49 reportingDescriptor
        assert rule["shortDescription"]["text"].endswith(".")
        assert rule["help"]["text"].startswith(f"# {rule['id']}\n")
        assert rule["help"]["markdown"]


def test_every_sarif_result_leads_to_its_rule_and_place(
    sarif: dict[str, Any], tmp_path: Path
) -> None:
    (run,) = sarif["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:  # §3.27 result
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        _check_location(location, tmp_path)
        for number, related in enumerate(result.get("relatedLocations", ()), start=1):
            assert related["id"] == number
            _check_location(related, tmp_path)
    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    assert levels == {
        "deleted-name": "error",
        "empty-file": "error",
        "one-lane": "note",
        "out-of-order": "error",
        "secret": "warning",
        "unseeded-random": "warning",
    }


def test_sarif_brings_fixes_as_changes_of_the_file(check: Check, tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "sales = [1]\nprint(sales)", 'print("ü", saels)')
    (run,) = check("a.ipynb", "--format", "sarif").json["runs"]
    (fix,) = run["results"][0]["fixes"]
    (change,) = fix["artifactChanges"]
    (replacement,) = change["replacements"]
    region, lines = replacement["deletedRegion"], path.read_text("utf-8").split("\n")
    line = lines[region["startLine"] - 1]
    kept = line[: region["startColumn"] - 1], line[region["endColumn"] - 1 :]
    lines[region["startLine"] - 1] = replacement["insertedContent"]["text"].join(kept)
    path.write_text("\n".join(lines), "utf-8")
    assert nbformat.read(path, 4).cells[1].source == 'print("ü", sales)'
    assert fix["description"]["text"] == "write `sales` instead of `saels`"
    assert check("a.ipynb").code == 0


def test_people_are_told_of_fixes(check: Check, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", "sales = [1]\nprint(sales)", "print(saels)")
    assert "  fix: write `sales` instead of `saels`\n" in check("a.ipynb").out


def _check_location(location: dict[str, Any], folder: Path) -> None:
    physical = location["physicalLocation"]  # §3.29
    uri = physical["artifactLocation"]["uri"]
    assert " " not in uri
    assert not uri.startswith("/")
    path = folder / unquote(uri)
    assert path.is_file()
    if "region" in physical:  # §3.30: lines count from 1
        assert 1 <= physical["region"]["startLine"] <= len(path.read_text().splitlines())
    for logical in location.get("logicalLocations", ()):  # §3.33
        assert logical["name"].startswith("cell ")


def test_sarif_regions_are_lines_of_the_file(sarif: dict[str, Any], tmp_path: Path) -> None:
    found = {result["ruleId"]: result for result in sarif["runs"][0]["results"]}
    where = found["secret"]["locations"][0]
    line = where["physicalLocation"]["region"]["startLine"]
    text = (tmp_path / "sub" / "c.ipynb").read_text().splitlines()[line - 1]
    assert "password" in text
    assert where["logicalLocations"][0]["fullyQualifiedName"] == "sub/c.ipynb:cell 1, line 1"


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_no_form_repeats_a_secret(check: Check, tmp_path: Path, form: str) -> None:
    source = f"import numpy as np; r = np.random.default_rng(); password = '{SECRET}'"
    write(tmp_path / "a.ipynb", source, "print(password, r.normal())")
    ended = check("a.ipynb", "--format", form)
    assert "secret" in ended.out
    assert "unseeded-random" in ended.out
    assert SECRET not in ended.out
    assert SECRET[:4] in ended.out


# -- pages ---------------------------------------------------------------------------------------


def test_explain_prints_the_page(check: Check) -> None:
    ended = check("--explain", "secret")
    assert ended.code == 0
    assert ended.out.startswith("# secret\n\n")
    assert check("--explain", "secret", "--json").json["text"] == ended.out


# -- lines of the file ---------------------------------------------------------------------------


@pytest.mark.parametrize("indent", [None, 0, 1, 4])
@pytest.mark.parametrize("joined", [True, False])
def test_lines_are_found_however_the_file_is_laid_out(indent: int | None, joined: bool) -> None:
    sources = ['a = "}]\\"{["\n\nb = "é\\\\"\n', "", "c = 1"]
    cells = [
        {
            "cell_type": "code",
            "metadata": {"source": "not this", "x": [[], {}]},
            "outputs": [{"data": {"text/plain": ["one\n", "two"]}}],
            "source": source if joined else source.splitlines(keepends=True),
            "id": f"id{number}",
        }
        for number, source in enumerate(sources)
    ]
    text = json.dumps({"metadata": {"cells": [1]}, "cells": cells, "nbformat": 4}, indent=indent)
    found = cell_lines(text)
    file = text.split("\n")
    for number, source in enumerate(sources):
        for line, expected in enumerate(source.split("\n"), start=1):
            at = found.at(Place(cell=cells[number]["id"], cell_index=9, line=line))  # type: ignore[arg-type]
            assert (at.text if at is not None else "") == expected
            if expected and at is not None:
                assert json.dumps(expected)[1:-1] in file[at.number - 1]


@pytest.mark.parametrize(
    "text", ["", "[", "{", "}{][", '{"cells": {"a": 1}}', '"\\', "[1, 2", "nul"]
)
def test_what_is_no_notebook_has_no_lines(text: str) -> None:
    assert cell_lines(text).by_index == {}


def test_a_file_that_cannot_be_read_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(b"\xff\xfe")
    assert read_lines(tmp_path / "a.ipynb").by_index == {}
    assert read_lines(tmp_path / "none.ipynb").by_index == {}


# -- pre-commit ----------------------------------------------------------------------------------


def test_the_pre_commit_hook_calls_a_command_that_exists(repository: Path, tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((repository / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    good, bad = write(tmp_path / "good.ipynb", "print(1)"), write(tmp_path / "bad.ipynb", *BAD)
    assert _run(hook["entry"].split(), [good]).returncode == 0
    done = _run(hook["entry"].split(), [good, bad])
    assert done.returncode == 2
    assert "out-of-order" in done.stdout


def _run(entry: Sequence[str], files: Sequence[Path]) -> subprocess.CompletedProcess[str]:
    """As pre-commit does: the entry with the files behind it."""
    command = [sys.executable, "-m", *entry, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
