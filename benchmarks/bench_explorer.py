"""Redraw time in a browser: an explorer against ``ipywidgets.interact`` with an inline figure.

Both stand in one notebook of one JupyterLab, with the same drawing on the same canvas (same size in pixels), and take
turns. A redraw is the time from a key on the slider until the browser has painted the new picture. After each, the
reader looks at it for a second, in which an explorer draws the next step ahead. So two ways are measured: single
steps, which is how a slider is moved, and jumps to values that cannot be foreseen. Prints the medians and ratios; exit
status 1 if single steps are not at least twice as fast. (The inline backend is told not to crop, so that both pictures
have the same size in pixels; cropping, its default, makes it slower.)

    python benchmarks/bench_explorer.py [--redraws 24]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import lab

TARGET = 2.0
REST_MS = 1000  # long enough that drawing ahead never delays the other's turn
KEYS = {"step": "ArrowRight", "jump": "PageUp"}
SETUP = """%matplotlib inline
%config InlineBackend.print_figure_kwargs = {'bbox_inches': None}
import io
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


def measure(redraws: int) -> dict[str, dict[str, list[float]]]:
    """Redraw times in milliseconds, of both, for steps and for jumps."""
    cells = [SETUP, "explore(draw, months=(6, 600, 1))", "interact(inline, months=IntSlider(12, 6, 600, 1));"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with tempfile.TemporaryDirectory() as folder:
        root, settings = Path(folder, "root"), Path(folder, "settings")
        root.mkdir()
        settings.mkdir()
        nbformat.write(notebook, root / "bench.ipynb")
        with lab.jupyterlab(root, settings) as address, lab.browser(height=1600) as tab:
            tab.open(address, "bench.ipynb")
            tab.run_all()
            areas = tab.page.locator(".jp-CodeCell .jp-Cell-outputArea").all()[-2:]
            outputs = dict(zip(("explorer", "interact"), areas, strict=True))
            times: dict[str, dict[str, list[float]]] = {way: {name: [] for name in outputs} for way in KEYS}
            for way, key in KEYS.items():
                for turn in range(redraws + 2):
                    for name, output in outputs.items():
                        output.locator(".noUi-handle").focus()
                        output.evaluate(WATCH)
                        tab.page.keyboard.press(key)
                        took = tab.page.evaluate("window.redrawn")
                        assert took is not None, f"{name}: no new picture within 20 s"
                        if turn >= 2:  # the first two warm up fonts and caches
                            times[way][name].append(took)
                        tab.page.wait_for_timeout(REST_MS)
            images = {name: output.locator("img") for name, output in outputs.items()}
            sizes = {name: image.evaluate("i => [i.naturalWidth, i.naturalHeight]") for name, image in images.items()}
            assert sizes["explorer"] == sizes["interact"], f"the pictures differ in size: {sizes}"
            assert not tab.problems, tab.problems
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description="Redraw time of an explorer against interact.")
    parser.add_argument("--redraws", type=int, default=24)
    ratios = {}
    for way, times in measure(parser.parse_args().redraws).items():
        ours, theirs = (statistics.median(times[name]) for name in ("explorer", "interact"))
        ratios[way] = theirs / ours
        print(f"{way}: explorer {ours:.0f} ms, interact {theirs:.0f} ms, ratio {ratios[way]:.2f}")
    return 0 if ratios["step"] >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
