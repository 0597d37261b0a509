"""The view of a run: what each event changes, and how it looks in windows of any size."""

from collections.abc import Mapping
from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from rich.text import Text

from nbflow.core.graph import Graph
from nbflow.core.run import EventKind, Run, Status
from nbflow.faces.live import RunView, StepView, Story, draw, plain_line, rows, story_of, tell
from nbflow.faces.live import window as window_of
from nbflow.faces.screen import Screen

NOW = datetime(2026, 1, 5, 6, 0, 42, tzinfo=UTC)


class Terminal(StringIO):
    """A terminal that keeps what was drawn on it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def screen_of(terminal: StringIO, **environment: str) -> Screen:
    size = {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
    return Screen(terminal, terminal, {**size, **environment})


STORIES: list[tuple[str, list[tuple[EventKind, dict[str, Any]]], StepView]] = [
    (
        "started",
        [(EventKind.STEP_STARTED, {"attempt": 1, "message": "a.csv changed"})],
        StepView(
            status=Status.RUNNING, message="a.csv changed", started="2026-01-05T06:00:00+00:00"
        ),
    ),
    (
        "its end keeps the reason of its start, and takes the time from the clock",
        [
            (EventKind.STEP_STARTED, {"message": "a.csv changed"}),
            (EventKind.STEP_FINISHED, {"status": Status.SUCCEEDED}),
        ],
        StepView(
            status=Status.SUCCEEDED,
            message="a.csv changed",
            started="2026-01-05T06:00:00+00:00",
            seconds=1.0,
        ),
    ),
    (
        "told times and rows win",
        [
            (
                EventKind.STEP_FINISHED,
                {
                    "status": Status.SUCCEEDED,
                    "data": {"seconds": 0.5, "outputs": [{"rows": 2}, {"rows": None}, {"rows": 3}]},
                },
            )
        ],
        StepView(status=Status.SUCCEEDED, seconds=0.5, rows=5),
    ),
    (
        "reused",
        [(EventKind.STEP_REUSED, {"message": "same inputs as run 1"})],
        StepView(status=Status.SUCCEEDED, action="reuse", message="same inputs as run 1"),
    ),
    (
        "failed, told by its error",
        [
            (EventKind.STEP_STARTED, {"message": "first run"}),
            (
                EventKind.STEP_FINISHED,
                {
                    "status": Status.FAILED,
                    "data": {"error": {"type": "KeyError", "message": "'x'"}},
                },
            ),
        ],
        StepView(
            status=Status.FAILED,
            message="KeyError: 'x'",
            started="2026-01-05T06:00:00+00:00",
            seconds=1.0,
        ),
    ),
    (
        "queued again",
        [(EventKind.STEP_QUEUED, {"attempt": 2, "message": "retry"})],
        StepView(status=Status.QUEUED, message="retry", attempt=2),
    ),
    (
        "waiting",
        [(EventKind.STEP_WAITING, {"message": "approval"})],
        StepView(status=Status.WAITING, message="approval"),
    ),
]


@pytest.mark.parametrize(
    ("events", "expected"), [story[1:] for story in STORIES], ids=[story[0] for story in STORIES]
)
def test_events_fold_into_a_view(
    make: SimpleNamespace, events: list[tuple[EventKind, Mapping[str, Any]]], expected: StepView
) -> None:
    story = Story()
    for second, (kind, facts) in enumerate(events):
        story = tell(story, make.event(kind, second, "a", **facts))
    assert story.steps == {("a", None): expected}


def test_events_of_no_step_change_nothing(make: SimpleNamespace) -> None:
    story = Story()
    assert tell(story, make.event(EventKind.RUN_STARTED, 0)) is story


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_window(shop: Graph, bad_run: Run, width: int) -> None:
    lines = draw(rows(shop, story_of(bad_run)), width=width, now=NOW)
    assert max(line.cell_len for line in lines) <= max(width, 26)
    assert [line.plain[1] for line in lines] == ["✓", "↺", "✗", "–", "–"]


def test_sixty_columns_show_name_time_and_reason(shop: Graph, bad_run: Run) -> None:
    lines = draw(rows(shop, story_of(bad_run)), width=60, now=NOW)
    assert [line.plain for line in lines] == [
        " ✓ sales                1.0 s  ran: sales.csv changed",
        " ↺ └ returns                   reused: same inputs as run…",
        " ✗   └ metrics          1.0 s  KeyError: 'store'",
        " –     ├ dashboard             `metrics` failed before it",
        " –     └ report                `metrics` failed before it",
    ]


def test_wide_letters_keep_the_columns(make: SimpleNamespace) -> None:
    graph = make.graph((make.step("売上高", 1), make.step("ab", 2)), ())
    lines = draw(rows(graph, Story()), width=60, now=NOW)
    assert len({line.cell_len for line in lines if line.plain.strip()}) <= 2
    assert lines[0].plain == " ○ 売上高"


def test_a_running_step_counts_its_seconds(make: SimpleNamespace) -> None:
    graph = make.graph((make.step("a", 1),), ())
    story = tell(Story(), make.event(EventKind.STEP_STARTED, 0, "a", attempt=2))
    [line] = draw(rows(graph, story), width=60, now=NOW)
    assert line.plain.split() == ["●", "a", "42", "s", "attempt", "2"]


def test_steps_that_the_graph_does_not_know_are_shown_too(shop: Graph, good_run: Run) -> None:
    story = Story(steps={("gone", "item 1"): StepView(status=Status.SUCCEEDED)})
    assert rows(shop, story)[-1].label == "gone [item 1]"


def test_a_tall_tree_is_shown_about_what_runs() -> None:
    lines = [Text(str(number)) for number in range(100)]
    shown = [line.plain.strip() for line in window_of(lines, 50, 12)]
    assert shown == ["… 47 above", *map(str, range(47, 57)), "… 43 below"]
    assert window_of(lines[:12], 0, 12) == lines[:12]


def test_the_terminal_view_ends_with_the_whole_tree(shop: Graph, good_run: Run) -> None:
    terminal = Terminal()
    view = RunView(screen_of(terminal, NO_COLOR="1"), shop, clock=lambda: NOW)
    with view.going_on():
        pass
    drawn_before = len(terminal.getvalue())
    view.settle(good_run)
    final = terminal.getvalue()[drawn_before:]
    assert [line.split()[0] for line in final.splitlines()] == ["✓", "↺", "✓", "✓", "✓"]
    assert "\x1b[?25h" in terminal.getvalue()  # the cursor is back


def test_a_broken_off_run_gives_the_cursor_back(shop: Graph) -> None:
    terminal = Terminal()
    view = RunView(screen_of(terminal), shop, clock=lambda: NOW)
    with pytest.raises(KeyboardInterrupt), view.going_on():
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith("\x1b[2K") or "\x1b[?25h" in terminal.getvalue()


def test_a_terminal_without_powers_gets_plain_lines(shop: Graph, make: SimpleNamespace) -> None:
    terminal = Terminal()
    view = RunView(screen_of(terminal, TERM="dumb"), shop, clock=lambda: NOW)
    with view.going_on():
        view.see(make.event(EventKind.STEP_STARTED, 0, "sales"))
    assert terminal.getvalue() == "● sales      started\n"


def test_c62_hostile_text_is_shown_as_escapes(make: SimpleNamespace) -> None:
    event = make.event(
        EventKind.STEP_FINISHED,
        0,
        "a\x1b[2J",
        status=Status.FAILED,
        data={"error": {"type": "E", "message": "\u202e\x1b]0;title\x07 \ud800"}},
    )
    line = plain_line(tell(Story(), event), event, 0)
    assert line == "✗ a\\x1b[2J  failed  E: \\u202e\\x1b]0;title\\x07 \\ud800"


def test_a_lesson_is_told_with_its_step(make: SimpleNamespace) -> None:
    event = make.event(EventKind.LEARNED, 0, "a", message="it changes `df`")
    assert plain_line(Story(), event, 0) == "! a: it changes `df`"
