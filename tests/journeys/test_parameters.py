"""Parameters and output paths: hostile until parsed (FAULTS E 70–72, B 25–29)."""

import os
import sys
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench, printed

pytestmark = pytest.mark.slow

LONG = pytest.mark.ci

PARAMETERS = ("day = '2026-01-05'\nlimit: int = 3\nneed: float\n", ["parameters"])
ALLOWED = "parameters of this notebook: day (str), limit (int), need (float)"


def refused(bench: Bench, *words: str) -> str:
    """Nothing ran, exit 2, one error and no traceback; what was said."""
    said = bench.say("run", "story.ipynb", *words)
    assert said.code == 2, said.out + said.err
    assert "Traceback" not in said.err
    assert said.err.count("error[") == 1
    assert not bench.path("ran").exists()
    assert not list(bench.path(".nbflow").glob("runs/*"))
    return said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param([], "parameter need (float) needs a value", id="c70_missing"),
        pytest.param(
            ["-p", "need", "1", "-p", "dya", "3"],
            "unknown parameter dya (did you mean day?)",
            id="c70_unknown",
        ),
        pytest.param(
            ["-p", "need", "abc"], "parameter need takes float, not 'abc'", id="c70_wrong_type"
        ),
        pytest.param(
            ["-p", "need", "1", "-p", "limit", "2.5"],
            "parameter limit takes int, not '2.5'",
            id="c70_fraction_for_int",
            marks=LONG,
        ),
        pytest.param(
            ["-p", "need", "1", "-p", "limit", "__import__('os').system('touch ran')"],
            "parameter limit takes int",
            id="c71_code_as_a_value",
        ),
    ],
)
def test_parameters_that_do_not_fit(bench: Bench, words: list[str], message: str) -> None:
    bench.notebook(PARAMETERS, "open('ran', 'w').close()\nprint(day, limit, need)")
    said = refused(bench, *words)
    assert message in said
    assert ALLOWED in said


@LONG
@pytest.mark.parametrize(
    "name",
    [
        "need=1;open('ran','w').close()",
        pytest.param("../x", marks=LONG),
        pytest.param("class", marks=LONG),
        pytest.param("", marks=LONG),
        pytest.param("a b", marks=LONG),
        pytest.param("day\nopen('ran', 'w')", marks=LONG),
    ],
)
def test_c72_names_that_are_no_names(bench: Bench, name: str) -> None:
    bench.notebook(PARAMETERS, "open('ran', 'w').close()\nprint(day, limit, need)")
    assert "cannot be a parameter's name" in refused(bench, "-p", name, "1")


def test_c70_without_a_parameters_cell(bench: Bench) -> None:
    bench.notebook("open('ran', 'w').close()\nx = [1]")
    said = refused(bench, "-p", "x", "1")
    assert "unknown parameter x" in said
    assert "the notebook has no parameters" in said


def test_c71_values_arrive_exactly_and_are_never_code(bench: Bench) -> None:
    nasty = "a'b\"c\\d\ne {limit} %s $x ; DROP TABLE t; -- é ☃ \u202e '''"
    bench.notebook(
        (
            "text = ''\nnumber = 0\nratio = 0.5\nflag = False\nwords = []\nwhen: 'datetime' = None",
            ["parameters"],
        ),
        "%%sql found\nSELECT $text AS text, $number AS number",
        "print(ascii(text), number, ratio, flag, words)",
        "assert found.text[0] == text and found.number[0] == number\nprint('same in SQL')",
    )
    big = str(2**70)
    said = bench.run(
        *("-p", "text", nasty, "-p", "number", "12345678901", "-p", "ratio", "nan"),
        *("-p", "flag", "true", "-p", "words", '["a", "$b"]'),
        *("-o", "out.ipynb"),
    )
    assert said.code == 0, said.out + said.err
    shown = printed(bench.result(said))
    assert f"{nasty!a} 12345678901 nan True ['a', '$b']" in shown
    assert "same in SQL" in shown
    assert said.document["parameters"]["text"] == nasty
    node = nbformat.read(bench.path("out.ipynb"), as_version=4)
    assert node["metadata"]["papermill"]["parameters"]["text"] == nasty
    plain = bench.say("plan", "story.ipynb", "-p", "number", big, "--json")
    assert plain.document["parameters"]["number"] == 2**70


def test_c72_a_path_template_stays_in_its_folder(bench: Bench) -> None:
    bench.path("out").mkdir()
    bench.notebook(("day = 'x'", ["parameters"]), "print(day)")
    source = bench.path("story.ipynb").read_bytes()
    for value, output in [
        ("../evil", "out/{day}.ipynb"),
        ("../../evil", "out/{day}.ipynb"),
        ("/tmp/evil", "{day}.ipynb"),
        ("x/../../evil", "out/{day}.ipynb"),
        ("s3://bucket/evil", "{day}"),
        ("-", "{day}"),
    ]:
        said = refused(bench, "-p", "day", value, "-o", output)
        assert "a parameter's value must not change the folder of the output" in said
    assert "Missing parameter 'dya'" in refused(bench, "-o", "out/{dya}.ipynb")
    assert bench.path("story.ipynb").read_bytes() == source
    assert not list(bench.folder.rglob("*evil*"))

    assert bench.run("-p", "day", "05", "-o", "out/sales-{day}.ipynb").code == 0
    assert bench.path("out/sales-05.ipynb").exists()


def test_the_source_is_never_the_output(bench: Bench) -> None:
    path = bench.notebook("open('ran', 'w').close()")
    before = path.read_bytes()
    bench.path("link.ipynb").symlink_to(path)
    os.link(path, bench.path("hard.ipynb"))
    for output in ("story.ipynb", "./story.ipynb", str(path), "hard.ipynb"):
        assert "the output is the notebook itself" in refused(bench, "-o", output)
    assert "symbolic link" in refused(bench, "-o", "link.ipynb")
    assert "is a folder" in refused(bench, "-o", ".")
    assert "make the folder first" in refused(bench, "-o", "nowhere/out.ipynb")
    assert path.read_bytes() == before


def test_c50_a_missing_kernel_is_told_before_anything(bench: Bench) -> None:
    bench.notebook("open('ran', 'w').close()", kernel="no-such-kernel")
    said = bench.say("run", "story.ipynb")
    assert said.code == 3
    assert "error[kernel]: the kernel `no-such-kernel` is not installed" in said.err
    assert "installed kernels: python3" in said.err
    assert not list(bench.path(".nbflow").glob("runs/*"))
    assert bench.say("runs", "--json").document["runs"] == []


@LONG
def test_c25_a_folder_that_cannot_be_written(bench: Bench) -> None:
    bench.notebook("open('ran', 'w').close()")
    bench.path(".nbflow").write_text("in the way")
    said = bench.say("run", "story.ipynb")
    assert said.code == 3
    assert said.err.startswith("error[store]: ")
    assert ".nbflow" in said.err
    assert "hint: " in said.err
    assert "Traceback" not in said.err
    assert not bench.path("ran").exists()
