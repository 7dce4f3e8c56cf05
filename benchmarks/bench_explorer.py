"""Redraw time in a browser: an explorer against ``ipywidgets.interact`` with an inline figure.

Each stands in a notebook of its own, with a kernel of its own, in one JupyterLab, and they take turns. Both draw the
same figure, with the same layout, style and size in inches. The inline backend is at its defaults, as a reader has it,
which crop the picture by some pixels; a third notebook tells it not to. A redraw is the time from a key on the slider
until the browser has painted the new picture. Two ways to move are measured: single steps (the arrow key), of which the
explorer draws the next one ahead while the reader looks at the last, and jumps (page up), which it cannot foresee.
After each redraw the reader rests for 200 ms, and longer while the others have their turn, each in a kernel of its own.
The processor time of the kernel depends less on what else the machine does; drawing ahead does not lower it. Prints
medians and ratios; exit status 1 if steps or jumps are not at least twice as fast as with ``interact`` and the backend
at its defaults.

    python benchmarks/bench_explorer.py [--redraws 24]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import lab

TARGET = 2.0
REST_MS = 200
KEYS = {"step": "ArrowRight", "jump": "PageUp"}
SETUP = """%matplotlib inline
import time
import numpy as np
import matplotlib.pyplot as plt
from ipywidgets import interact, IntSlider
from crkit import figures
from crkit.explorer import explore

def fill(ax, other, months):
    x = np.linspace(0, months, 60)
    for i in range(3):
        ax.plot(x, np.exp(-x / (6 + 6 * i)), label=f"group {i}", **figures.line(i))
    ax.set_xlabel("months since the first order"); ax.set_ylabel("share still buying"); figures.legend(ax)
    other.bar(range(12), np.arange(12) * months, **figures.bar(0))
    other.set_xlabel("orders"); other.set_ylabel("customers")

def draw(months=12):
    fig, (ax, other) = figures.new(1, 2)
    fill(ax, other, months)
    return figures.finish(fig, title=f"After {months} months a third is left", alt=f"Curves over {months} months.")

plt.rcParams["figure.dpi"] = figures.DPI
def inline(months=12):
    fig = plt.figure(figsize=(8.0, 4.2), layout="constrained", facecolor="white")
    ax, other = fig.subplots(1, 2)
    for axes in (ax, other):
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(figures.GREY)
        axes.tick_params(colors=figures.INK, labelsize=10)
        axes.grid(True, color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.xaxis.label.set(color=figures.INK, fontsize=11)
        axes.yaxis.label.set(color=figures.INK, fontsize=11)
    fill(ax, other, months)
    fig.suptitle(f"After {months} months a third is left", x=0.01, ha="left", fontsize=12.5, fontweight="bold",
                 color=figures.INK)
    plt.show()
"""
# resolves when the picture below the element has another source, has been decoded, and a frame has been painted
WATCH = """element => {
  const shown = () => element.querySelector("img")?.src;
  const before = shown(), start = performance.now();
  window.redrawn = new Promise(done => {
    const look = async () => {
      const image = element.querySelector("img");
      if (image && image.src !== before) {
        await image.decode().catch(() => {});
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - window.pressed)));
      } else if (performance.now() - start > 20000) done(null);
      else requestAnimationFrame(look);
    };
    look();
  });
  element.addEventListener("keydown", () => { window.pressed = performance.now(); }, {once: true, capture: true});
}"""


INTERACT = "interact(inline, months=IntSlider(12, 6, 600, 1));"
UNCROPPED = "%config InlineBackend.print_figure_kwargs = {'bbox_inches': None}\n" + INTERACT
WAYS = {"explorer": "explore(draw, months=(6, 600, 1))", "interact": INTERACT, "interact, uncropped": UNCROPPED}


def measure(redraws: int, key: str) -> tuple[dict[str, list[float]], dict[str, float], dict[str, list[int]]]:
    """Of each way: its redraw times in ms, its kernel's processor time per redraw in ms, and its picture's size."""
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root, settings = folder / "root", folder / "settings"
        root.mkdir()
        settings.mkdir()
        address = stack.enter_context(lab.jupyterlab(root, settings))
        chrome = stack.enter_context(lab.chrome())
        tabs = {}
        for i, (way, source) in enumerate(WAYS.items()):
            cells = [SETUP, source, "print(time.process_time())"]
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
            notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
            nbformat.write(notebook, root / f"bench{i}.ipynb")
            tabs[way] = stack.enter_context(lab.tab(chrome, height=1200))
            tabs[way].open(address, f"bench{i}.ipynb")
            tabs[way].run_all()
        areas = {way: tab.page.locator(".jp-CodeCell .jp-Cell-outputArea") for way, tab in tabs.items()}
        before = {}
        for turn in range(redraws + 3):
            for way, tab in tabs.items():
                if turn == 3:  # the first three warm up fonts and caches
                    before[way] = _processor_ms(tab, areas[way])
                area = areas[way].nth(areas[way].count() - 2)
                tab.page.bring_to_front()
                area.locator(".noUi-handle").focus()
                area.evaluate(WATCH)
                tab.page.keyboard.press(key)
                took = tab.page.evaluate("window.redrawn")
                assert took is not None, f"{way}: no new picture within 20 s"
                if turn >= 3:
                    times[way].append(took)
                tab.page.wait_for_timeout(REST_MS)
        busy = {way: (_processor_ms(tab, areas[way]) - before[way]) / redraws for way, tab in tabs.items()}
        sizes = {
            way: areas[way].locator("img").evaluate("image => [image.naturalWidth, image.naturalHeight]")
            for way in tabs
        }
        assert sizes["explorer"] == sizes["interact, uncropped"], f"the pictures differ in size: {sizes}"
        for way, tab in tabs.items():
            assert not tab.problems, (way, tab.problems)
    return times, busy, sizes


def _processor_ms(tab: lab.Tab, areas: Any) -> float:
    """The processor time that the kernel has used, which the last cell prints."""
    tab.page.locator(".jp-CodeCell .cm-content").last.click()
    tab.page.keyboard.press("Control+Enter")
    tab.settle()
    return 1000 * float(areas.last.inner_text())


def main() -> int:
    parser = argparse.ArgumentParser(description="Redraw time of an explorer against interact.")
    parser.add_argument("--redraws", type=int, default=24)
    redraws = parser.parse_args().redraws
    reached = {}
    for move, key in KEYS.items():
        times, busy, sizes = measure(redraws, key)
        medians = {way: statistics.median(took) for way, took in times.items()}
        for way, (width, height) in sizes.items():
            ratios = f"ratio {medians[way] / medians['explorer']:.2f}, processor {busy[way] / busy['explorer']:.2f}"
            print(f"{move}, {way}: {medians[way]:.0f} ms, processor {busy[way]:.0f} ms, {width} x {height}; {ratios}")
        reached[move] = medians["interact"] / medians["explorer"]
    return 0 if min(reached.values()) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
