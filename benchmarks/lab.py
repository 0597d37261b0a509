"""How quick the workflow panel is, in a real browser: `python -m benchmarks.lab`.

From a key press in a cell to the new edge on the screen, and frames while a large graph is moved.
It needs what the journeys of `tests/lab` need: JupyterLab, Playwright, Chromium and the extension,
built.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab.conftest import CHROMIUM, FLAGS, PATIENCE_MS, Lab, Window, serving

SIZES = (100, 500)
DIGITS = "6789012345"
FRAMES = 90
QUIET = 60
"""Milliseconds of a second."""

WATCH = """edge => {
  performance.clearResourceTimings();
  const panel = document.querySelector('#nbflow-workflow');
  const asked = () => performance.getEntriesByType('resource')
    .filter(each => each.name.includes('/nbflow/api/graph')).at(-1);
  const inPanel = () => [...panel.querySelectorAll('[data-edge]')]
    .some(each => each.dataset.edge === edge);
  let pressed = 0;
  const onKey = event => { pressed = event.timeStamp; };
  document.addEventListener('keydown', onKey, true);
  const painted = () => new Promise(resolve => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => resolve(performance.now());
    channel.port2.postMessage(null);
  }));
  window.measured = new Promise(resolve => {
    const observer = new MutationObserver(async () => {
      const answer = asked();
      if (!answer || !inPanel()) return;
      observer.disconnect();
      const at = await painted();
      document.removeEventListener('keydown', onKey, true);
      resolve({
        debounce: answer.startTime - pressed,
        server: answer.responseEnd - answer.startTime,
        drawing: at - answer.responseEnd,
        all: at - pressed
      });
    });
    observer.observe(panel, { childList: true, subtree: true, attributes: true });
  });
}"""

MOVE = """async ([selector, move, frames]) => {
  const target = document.querySelector(selector);
  const moves = {
    rest: () => {},
    pan: n => wheel({ deltaX: n % 40 < 20 ? 25 : -25, deltaY: n % 60 < 30 ? 25 : -25 }),
    zoom: n => wheel({ deltaY: n % 40 < 20 ? 12 : -12, ctrlKey: true }),
    scroll: n => { target.scrollTop += n % 60 < 30 ? 60 : -60; }
  };
  const { left, top, width, height } = target.getBoundingClientRect();
  const wheel = given => target.dispatchEvent(new WheelEvent('wheel', {
    bubbles: true, cancelable: true,
    clientX: left + width / 2, clientY: top + height / 2, ...given
  }));
  const long = [];
  const observer = new PerformanceObserver(list => long.push(...list.getEntries()));
  observer.observe({ type: 'longtask' });
  const frame = () => new Promise(resolve => requestAnimationFrame(resolve));
  const times = [await frame()];
  for (let n = 0; n < frames; n++) {
    moves[move](n);
    times.push(await frame());
  }
  await frame();
  observer.disconnect();
  return { frames: times.slice(1).map((at, n) => at - times[n]), long: long.length };
}"""


def cells(steps: int) -> Iterator[dict[str, Any]]:
    """A notebook as analysts write them: Python and SQL by turns, with headings."""
    for n in range(steps):
        if n % 10 == 0:
            yield {"id": f"h{n}", "cell_type": "markdown", "source": f"## Part {n // 10}"}
        yield {
            "id": f"t{n}",
            "cell_type": "code",
            "source": source(n),
            "execution_count": None,
            "outputs": [],
        }


def source(n: int) -> str:
    if n < 8:
        return f'import pandas as pd\n\nt{n} = pd.read_csv("part{n}.csv").dropna()'
    if n % 4 == 1:
        return f"%%sql t{n}\nSELECT *, x + 1 AS more FROM t{n - 1} JOIN t{n - 5} USING (x)"
    return f"t{n} = t{n - 2}.assign(y=t{before(n, 5)}.x)"


def before(n: int, digit: int) -> int:
    """The step of the former ten that ends with this digit."""
    return (n // 10 - 1) * 10 + digit


# -- what is measured ------------------------------------------------------------------------------


def edits(window: Window, steps: int, rounds: int) -> dict[str, list[float]]:
    """In the middle of the notebook another digit is typed, so that another step is read: each time
    one that was not read before, as layouts are kept."""
    page, step = window.page, steps // 2
    window.command("nbflow:jump", cell=f"t{step}")
    cell = page.locator(".jp-Notebook .jp-mod-active .cm-content", has_text=f"t{step} =")
    cell.click()
    page.keyboard.press("End")
    for _ in ".x)":
        page.keyboard.press("ArrowLeft")
    found: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        digit = DIGITS[number % len(DIGITS)]
        page.evaluate(WATCH, f"t{before(step, int(digit))}→t{step}")
        page.keyboard.press("Backspace")
        page.keyboard.press(digit)
        for part, took in page.evaluate("window.measured").items():
            if number > 0:  # the first one warms up
                found.setdefault(part, []).append(took)
    return found


class Busy:
    """The processor's time of the page's main thread: what else the machine does is not counted."""

    def __init__(self, window: Window) -> None:
        self._session = window.page.context.new_cdp_session(window.page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def milliseconds(self) -> float:
        """Since it was counted first."""
        found = self._session.send("Performance.getMetrics")["metrics"]
        return next(1000 * each["value"] for each in found if each["name"] == "TaskDuration")

    def wait(self) -> None:
        """Until little is done: after opening a notebook, Lab draws all of its cells at leisure."""
        before, quiet = self.milliseconds(), 0
        while quiet < 3:
            time.sleep(1)
            now = self.milliseconds()
            quiet = quiet + 1 if now - before < QUIET else 0
            before = now


def frames(window: Window, busy: Busy, selector: str, move: str) -> dict[str, float]:
    """How long frames take while something moves."""
    before = busy.milliseconds()
    made = window.page.evaluate(MOVE, [selector, move, FRAMES])
    times = sorted(made["frames"])
    return {
        "cpu": (busy.milliseconds() - before) / FRAMES,
        "median": statistics.median(times),
        "95 %": times[int(len(times) * 0.95)],
        "worst": times[-1],
        "long tasks": made["long"],
    }


# -- one command -----------------------------------------------------------------------------------


@contextmanager
def opened(lab: Lab) -> Iterator[Window]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        yield Window(context.new_page(), lab)
        browser.close()


def show(window: Window, as_what: str) -> None:
    """The panel as a drawing or as a column."""
    panel = window.panel()
    panel.locator(".nbflow-View [data-step]").first.wait_for()
    toggle = panel.get_by_role("button", name=f"Show as a {as_what}")
    if toggle.count():
        toggle.click()
    panel.locator(".nbflow-Graph" if as_what == "graph" else ".nbflow-List").wait_for()


PARTS = ("debounce", "server", "drawing", "all")


def measure(window: Window, steps: int, rounds: int) -> None:
    window.open(window.lab.write(f"steps{steps}.ipynb", *cells(steps)))
    Busy(window).wait()
    for shape in ("list", "graph"):
        show(window, shape)
        found = edits(window, steps, rounds)
        middle = {part: statistics.median(times) for part, times in found.items()}
        parts = " | ".join(
            f"{middle[part]:.0f}" for part in ("debounce", "server", "drawing", "all")
        )
        print(f"| {steps} | {shape} | {parts} | {max(found['all']):.0f} |", flush=True)


def smoothness(window: Window) -> None:
    """In the largest notebook, that is open."""
    graph, column = "#nbflow-workflow .nbflow-Graph", "#nbflow-workflow .nbflow-List"
    busy = Busy(window)
    show(window, "graph")
    report("at rest", frames(window, busy, graph, "rest"))
    report("moved", frames(window, busy, graph, "pan"))
    report("zoomed", frames(window, busy, graph, "zoom"))
    window.panel().get_by_role("button", name="Show all (F)").click()
    window.page.locator(".nbflow-mod-far").wait_for()
    report("moved, all steps seen", frames(window, busy, graph, "pan"))
    report("zoomed, all steps seen", frames(window, busy, graph, "zoom"))
    show(window, "list")
    report("column, scrolled", frames(window, busy, column, "scroll"))


def report(what: str, found: dict[str, float]) -> None:
    times = " | ".join(f"{found[each]:.0f}" for each in ("median", "95 %", "worst", "long tasks"))
    print(f"| {what} | {found['cpu']:.1f} | {times} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=7, help="edits of each kind")
    parser.add_argument("steps", type=int, nargs="*", default=SIZES, help="how large notebooks are")
    given = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}, medians of {given.n}, in milliseconds\n")
    print("| steps | drawn as | debounce | server | drawing | key to paint | slowest |")
    print("|---|---|---|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory() as home,
        serving(Path(home)) as lab,
        opened(lab) as window,
    ):
        for steps in given.steps:
            measure(window, steps, given.n)
        what = f"frames with {given.steps[-1]} steps"
        print(f"\n| {what} | main thread | median | 95 % | worst | long tasks |")
        print("|---|---|---|---|---|---|")
        smoothness(window)


if __name__ == "__main__":
    main()
