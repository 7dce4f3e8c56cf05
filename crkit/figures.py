"""Palette, style and alt text of every figure in the workbook.

Figures are made without pyplot, so nothing global changes and nothing is left open. The palette is that of
Okabe and Ito (2008), which colour-blind readers can tell apart; each series also gets a marker, a line style
and a hatch of its own, so that a figure still reads when printed in grey.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as _Figure
from PIL import Image

INK = "#333333"
GREY = "#8c8c8c"
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"

DPI = 110


class Series(NamedTuple):
    """How one series is drawn: a colour, and a marker, line style and hatch that also tell it apart in grey."""

    color: str
    marker: str
    linestyle: str
    hatch: str


SERIES = (
    Series(BLUE, "o", "-", ""),
    Series(VERMILION, "s", "--", "//"),
    Series(GREEN, "^", "-.", ".."),
    Series(ORANGE, "D", ":", "xx"),
    Series(PURPLE, "v", (0, (5, 1, 1, 1)), "\\\\"),  # type: ignore[arg-type]  # matplotlib takes dash tuples too
    Series(SKY, "P", (0, (1, 1)), "++"),  # type: ignore[arg-type]
    Series(INK, "X", (0, (3, 1)), "--"),  # type: ignore[arg-type]
)


def series(i: int) -> Series:
    """The style of the ``i``-th series (from 0); starts again after the last."""
    return SERIES[i % len(SERIES)]


class Figure(_Figure):
    """A Matplotlib figure that shows itself as one PNG with alt text, with or without an inline backend."""

    alt: str = ""

    def png(self) -> bytes:
        """The figure as PNG bytes: the same bytes for the same figure.

        It draws once, where ``savefig`` draws twice when there is a layout to find, and leaves out the transparency.
        """
        canvas: Any = self.canvas
        if not hasattr(canvas, "buffer_rgba"):
            raise TypeError("this figure was not made by figures.new")
        canvas.draw()
        buffer = io.BytesIO()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        picture.save(buffer, format="png", compress_level=3, dpi=(DPI, DPI))
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"image/png": self.png(), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def new(
    nrows: int = 1, ncols: int = 1, *, size: tuple[float, float] = (8.0, 4.2), sharey: bool = False
) -> tuple[Figure, npt.NDArray[np.object_]]:
    """Make an empty figure in the kit's style.

    Args:
        nrows: rows of panels.
        ncols: columns of panels.
        size: width and height in inches.
        sharey: whether the panels of a row share their vertical axis.

    Returns:
        The figure, and its panels as a flat array of ``nrows * ncols`` axes.

    Example:
        >>> fig, (ax,) = new()
        >>> _ = ax.plot([1, 2], [3, 4], **line(0))
        >>> finish(fig, title="Sales rise", alt="A line from 3 to 4.").alt
        'A line from 3 to 4.'
    """
    fig = Figure(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(fig)
    axes = fig.subplots(nrows, ncols, squeeze=False, sharey="row" if sharey else False).ravel()
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(GREY)
        ax.tick_params(colors=INK, labelsize=10)
        ax.grid(True, color="#e6e6e6", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.xaxis.label.set(color=INK, fontsize=11)
        ax.yaxis.label.set(color=INK, fontsize=11)
    return fig, axes


def line(i: int) -> dict[str, Any]:
    """Keyword arguments of ``Axes.plot`` for series ``i``: colour, marker and line style."""
    s = series(i)
    return {"color": s.color, "marker": s.marker, "linestyle": s.linestyle, "markersize": 5, "linewidth": 1.8}


def bar(i: int) -> dict[str, Any]:
    """Keyword arguments of ``Axes.bar`` for series ``i``: colour and hatch."""
    s = series(i)
    return {"facecolor": s.color, "hatch": s.hatch, "edgecolor": "white"}


def finish(fig: Figure, *, title: str, alt: str) -> Figure:
    """Give the figure a title that says the finding, and alt text that says what can be seen.

    Args:
        fig: a figure made by `new`.
        title: one sentence, set left above the panels.
        alt: what a reader who cannot see the figure should know.

    Returns:
        The same figure.

    Raises:
        ValueError: if the title or the alt text is empty.
    """
    if not title.strip() or not alt.strip():
        raise ValueError("a figure needs a title that says the finding and alt text that says what it shows")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12.5, fontweight="bold", color=INK)
    fig.alt = alt
    return fig


def legend(ax: Axes, **where: Any) -> None:
    """Add a plain legend without a frame; ``where`` goes to ``Axes.legend``."""
    ax.legend(frameon=False, fontsize=10, labelcolor=INK, **where)
