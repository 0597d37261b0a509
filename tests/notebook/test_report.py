"""The result notebook for people: what stands on top, and that nothing hostile comes through."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

sys.path.insert(0, str(Path(__file__).parent))
from notebook_runs import book, calls_during, code, error, markdown, result, run

from nbflow.core.run import Status
from nbflow.notebook.assemble import assemble
from nbflow.notebook.read import from_node, settle
from nbflow.notebook.report import escaped, with_report
from nbflow.notebook.save import notebook_text

S = Status
RENDER = MarkdownIt("commonmark", {"html": True}).enable("table")


class Page(HTMLParser):
    """What a reader sees of rendered markdown, and which tags it took."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.links: list[str] = []
        self.feed(RENDER.render(source))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [target or "" for name, target in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


OURS = {"h3", "p", "strong", "a", "code", "table", "thead", "tbody", "tr", "th", "td", "blockquote"}


def report(node: Any, done: Any, **more: Any) -> Any:
    return with_report(assemble(node, done, outputs={}, times={}), done, times={}, **more)


def test_the_summary_stands_first_and_tells_the_run() -> None:
    done = run(
        S.SUCCEEDED,
        result("load_data", S.SUCCEEDED, "a", seconds=1.5),
        result("clean", S.SUCCEEDED, "b", action="reuse", message="same inputs as yesterday"),
        parameters={"day": "2026-01-31", "region": "north|south"},
    )
    made = report(book(code("a"), code("b")), done, notices=["the source changed"])
    assert [cell["id"] for cell in made["cells"]] == ["nbflow-summary", "a", "b"]
    page = Page(made["cells"][0]["source"])
    assert page.tags <= OURS
    for told in (
        "sales.ipynb: succeeded",
        "2026-01-31 06:30:00 UTC",
        "took 4.0 s",
        "019c-run",
        "the source changed",
        "2026-01-31",
        "north|south",
        "load_data",
        "1.5 s",
        "reused",
        "same inputs as yesterday",
    ):
        assert told in page.text
    nbformat.validate(made)


def test_a_failing_cell_has_a_signpost_that_the_summary_links_to() -> None:
    done = run(
        S.FAILED,
        result("load", S.SUCCEEDED, "a"),
        result("clean", S.FAILED, "b", "c", error=error("c"), message="no sales for this day"),
        result("plot", S.FAILED, "d", error=error(None)),
    )
    node = book(markdown("m"), *(code(name) for name in "abcd"))
    made = report(node, done)
    assert [cell["id"] for cell in made["cells"]] == [
        "nbflow-summary",
        "m",
        "a",
        "b",
        "nbflow-failed-1",
        "c",
        "nbflow-failed-2",
        "d",
    ]
    page = Page(made["cells"][0]["source"])
    assert "clean failed in cell 4: no sales for this day" in page.text
    assert "plot failed in cell 5: ValueError: no sales" in page.text
    assert set(page.links) == {"#cell-id=nbflow-failed-1", "#cell-id=nbflow-failed-2"}
    assert 'id="nbflow-failed-1"' in made["cells"][4]["source"]
    assert "clean failed here" in Page(made["cells"][4]["source"]).text
    nbformat.validate(made)


def test_a_result_notebook_can_be_run_again() -> None:
    node = book(markdown("m"), code("a"))
    done = run(S.FAILED, result("load", S.FAILED, "a", error=error("a")))
    made = report(node, done)
    assert from_node(made, "x") == from_node(node, "x")
    again = report(settle(made, "x"), done)
    assert [cell["id"] for cell in again["cells"]] == [cell["id"] for cell in made["cells"]]


def test_made_cells_carry_the_block_that_papermill_expects() -> None:
    made = report(book(code("a")), run(S.SUCCEEDED, result("a", S.SUCCEEDED, "a")))
    assert all("status" in cell["metadata"]["papermill"] for cell in made["cells"])


def test_a_run_in_progress_has_a_summary_too() -> None:
    done = run(S.RUNNING, result("a", S.RUNNING, "a"), result("b", S.QUEUED, "b"))
    page = Page(report(book(code("a"), code("b")), done)["cells"][0]["source"])
    assert "sales.ipynb: running" in page.text
    assert "queued" in page.text


@pytest.mark.parametrize("status", list(S))
def test_every_status_has_its_sign(status: Status) -> None:
    page = Page(
        report(book(code("a")), run(status, result("a", status, "a")))["cells"][0]["source"]
    )
    assert f"sales.ipynb: {status.value}" in page.text


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "](javascript:alert(1)) [x](http://evil.example)",
    "https://evil.example/x www.evil.example me@evil.example",
    "| a | b |\n|---|---|",
    "**bold** _it_ `code` ~~no~~ # head",
    "$x$ $$y$$ \\(z\\) \\[w\\]",
    "&lt;b&gt; &#60;script&#62; &amp;",
    "```\nfence\n```",
    "<!-- comment --> <![CDATA[x]]>",
    "{{ jinja }} {% raw %} :emoji:",
    'SELECT * FROM "table"; \'; DROP TABLE x; --',
    "../../etc/passwd",
    "- list\n1. list\n> quote\n    indented",
    "\\",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_c57_hostile_names_and_messages_are_only_text(text: str) -> None:
    done = run(
        S.FAILED,
        result(text, S.FAILED, "a", error=error("a", text, text), message=text),
        parameters={"x": text},
        notebook=text,
        message=text,
    )
    made = report(book(code("a")), done, notices=[text])
    line = " ".join(text.split())
    for cell in made["cells"][:2]:
        page = Page(cell["source"])
        assert page.tags <= OURS | {"span"}
        assert all(link.startswith("#cell-id=nbflow-failed-") for link in page.links)
        assert line in page.text


def test_c57_long_names_are_cut_and_say_so() -> None:
    assert escaped("x" * 301) == "x" * 300 + "…"


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\ud800", "\ufeff"])
def test_c62_marks_that_cannot_be_seen_are_shown_escaped(mark: str) -> None:
    page = Page(escaped(f"a{mark}b"))
    assert page.text.strip() == f"a\\u{ord(mark):04x}b"


def test_c68_a_message_of_ten_million_characters_is_cut() -> None:
    huge = "x" * 10_000_000
    done = run(S.FAILED, result("a", S.FAILED, "a", error=error("a"), message=huge))
    made = report(book(code("a")), done)
    assert len(made["cells"][0]["source"]) < 5_000
    assert len(made["cells"][1]["source"]) < 1_000


def test_c55_a_table_of_thousands_of_steps_is_cut_but_shows_every_failure() -> None:
    steps = [result(f"s{n}", S.SUCCEEDED, f"c{n}") for n in range(5000)]
    steps[4321] = result("bad", S.FAILED, "c4321", error=error("c4321"))
    done = run(S.FAILED, *steps)
    made = report(book(*(code(f"c{n}") for n in range(5000))), done)
    source = made["cells"][0]["source"]
    assert "4,800 more steps" in source
    assert source.count("\n|") < 250
    assert "[bad](#cell-id=nbflow-failed-1)" in source
    assert len(made["cells"]) == 5002


def test_c55_a_result_costs_as_much_as_it_has_cells_and_no_more() -> None:
    def work(cells: int) -> int:
        names = [f"c{n}" for n in range(cells)]
        node = book(*(code(name) for name in names))
        done = run(S.SUCCEEDED, *(result(name, S.SUCCEEDED, name) for name in names))
        return calls_during(lambda: notebook_text(report(node, done)))

    work(10)
    small, large = work(250), work(2500)
    assert large < 12 * small


@given(st.text())
def test_any_text_stays_text(text: str) -> None:
    page = Page("x" + escaped(text, longest=10_000) + "x")
    assert page.tags == {"p"}
