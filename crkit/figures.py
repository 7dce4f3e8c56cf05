"""Palette, style and alt text of every figure in the workbook.

Figures are made without pyplot, so nothing global changes and nothing is left open. The palette is that of
Okabe and Ito (2008), which colour-blind readers can tell apart; each series also gets a marker, a line style
and a hatch of its own, so that a figure still reads when printed in grey.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure as _Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox

INK = "#333333"
GREY = "#8c8c8c"
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"

DPI = 110

SLACK = 3.0  # pixels that a label may grow before the panels are arranged anew; the arranging leaves 4.6 around each
REMEMBERED = 4096  # how many texts a renderer remembers, and how many sizes of texts


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

    def png(self, layout: Layout | None = None) -> bytes:
        """The figure as PNG bytes: the same bytes for the same figure.

        Args:
            layout: where the panels stood in earlier drawings of such a figure, to keep them there if nothing is cut.
        """
        if not isinstance(self.canvas, _Canvas):
            _Canvas(self)
        return _png((layout or Layout()).paint(self))

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"image/png": self.png(), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    """Opaque RGB without filters, which for flat colours is as small as with them and takes half the time."""
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row starts with 0: no filter
    rows[:, 1:] = picture[:, :, :3].reshape(height, -1)
    per_metre = round(DPI / 0.0254)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"pHYs": struct.pack(">IIB", per_metre, per_metre, 1),
        b"IDAT": zlib.compress(rows.tobytes(), 1),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )


_Heights = tuple[float, float, float] | tuple[None, None, None]


class _Glyphs:
    """Stands in for Agg while one text is drawn, and keeps the pictures of its glyphs."""

    def __init__(self) -> None:
        self.drawn: list[tuple[npt.NDArray[np.uint8], int, int]] = []

    def draw_text_image(self, image: npt.NDArray[np.uint8], x: int, y: int, angle: float, gc: Any) -> None:  # noqa: ARG002
        self.drawn.append((image, x, y))


class _Renderer(RendererAgg):
    """Draws as Agg does, notes where each text went, and measures and draws each text once.

    To let a text that was drawn once serve at every place, all texts are moved to whole pixels.
    """

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)  # type: ignore[no-untyped-call]
        self._measured: dict[Any, tuple[float, float, float]] = {}
        self._glyphs: dict[Any, list[tuple[npt.NDArray[np.uint8], int, int]]] = {}
        self._heights: dict[Any, _Heights] = {}
        self.begin()

    def begin(self) -> None:
        self.clear()  # type: ignore[no-untyped-call]
        for memory in (self._measured, self._glyphs, self._heights):
            if len(memory) > REMEMBERED:
                memory.clear()
        self.depth = 0
        self.panels = 0
        self.texts: list[tuple[int, Any, tuple[float, float, float, float]]] = []

    def open_group(self, s: str, gid: str | None = None) -> None:  # noqa: ARG002  # Matplotlib's signature
        if s == "axes":
            self.panels += self.depth == 0
            self.depth += 1

    def close_group(self, s: str) -> None:
        self.depth -= s == "axes"

    def _get_font_height_metrics(self, prop: Any) -> _Heights:
        """Ascent, descent and line gap in pixels, for which Matplotlib otherwise reads the font file at each text.

        Matplotlib asks for them by this name; where they are None, it measures the font itself.
        """
        if prop not in self._heights:
            font = get_font(fontManager._find_fonts_by_props(prop))
            head, table = font.get_sfnt_table("head"), font.get_sfnt_table("OS/2")
            heights: _Heights = (None, None, None)
            if head is not None and table is not None:
                scale = prop.get_size_in_points() * self.dpi / 72 / head["unitsPerEm"]
                ascent, descent, gap = table["sTypoAscender"], -table["sTypoDescender"], table["sTypoLineGap"]
                heights = ascent * scale, descent * scale, gap * scale
            self._heights[prop.copy()] = heights
        return self._heights[prop]

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        key = s, prop, ismath
        if key not in self._measured:
            self._measured[s, prop.copy(), ismath] = super().get_text_width_height_descent(  # type: ignore[no-untyped-call]
                s, prop, ismath
            )
        return self._measured[key]

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        x, y = round(x), round(y)
        if ismath or (mtext is not None and (mtext.get_fontfeatures() or mtext.get_language())):
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]
        else:
            key = s, prop, angle, gc.get_antialiased()
            if key not in self._glyphs:
                agg, self._renderer = self._renderer, _Glyphs()
                try:
                    super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]
                    drawn = self._renderer.drawn
                finally:
                    self._renderer = agg
                self._glyphs[s, prop.copy(), *key[2:]] = [(image, left - x, top - y) for image, left, top in drawn]
            for image, dx, dy in self._glyphs[key]:
                self._renderer.draw_text_image(image, x + dx, y + dy, 0, gc)
        width, height, descent = self.get_text_width_height_descent(s, prop, ismath)
        sin, cos = math.sin(math.radians(angle)), math.cos(math.radians(angle))
        corners = [(u, v) for u in (0, width) for v in (-descent, height - descent)]
        xs = [x + u * cos - v * sin for u, v in corners]
        ys = [self.height - y + u * sin + v * cos for u, v in corners]
        self.texts.append((self.panels if self.depth else 0, prop, (min(xs), min(ys), max(xs), max(ys))))


class _Canvas(FigureCanvasAgg):
    renderer: _Renderer | None = None

    def get_renderer(self) -> _Renderer:
        width, height = self.get_width_height(physical=True)
        given = self.renderer
        if given is None or (given.width, given.height, given.dpi) != (width, height, self.figure.dpi):
            given = self.renderer = _Renderer(width, height, self.figure.dpi)
        return given


class _Places(NamedTuple):
    """Where the panels of a figure, and the titles that belong to none, are."""

    panels: list[Bbox]
    titles: list[tuple[float, float]]


class _Texts(NamedTuple):
    """Where the texts of one drawing went, in pixels.

    Attributes:
        beyond: how far each panel's texts reach beyond the panel: left, below, right, above.
        title_bottom: where the title ends.
        others: left, bottom, right and top of each other text that belongs to no panel.
        whole: whether all are in the picture, and nothing touches its edge.
    """

    beyond: npt.NDArray[np.float64]
    title_bottom: float
    others: npt.NDArray[np.float64]
    whole: bool


class Layout:
    """Where the panels stand, kept from one drawing to the next of figures that are made in the same way.

    To find how much room all labels need takes longer than to draw them. So the panels stay where they are, and do not
    jump, until a label needs more room than any before.
    """

    def __init__(self) -> None:
        self._renderer: _Renderer | None = None
        self._makeup: object = None
        self._kept: tuple[_Places, _Texts] | None = None

    def paint(self, fig: Figure) -> npt.NDArray[np.uint8]:
        """Draw the figure, with its panels where they were if all labels have room there.

        Args:
            fig: a figure made by `new`.

        Returns:
            The picture as height x width x 4 bytes, which hold until the next drawing.
        """
        canvas: Any = fig.canvas
        if canvas.renderer is None:
            canvas.renderer = self._renderer
        self._renderer = renderer = canvas.get_renderer()
        engine = fig.get_layout_engine()
        makeup = _makeup(fig)
        if makeup is None or not isinstance(engine, ConstrainedLayoutEngine):
            self._kept = None
            return _draw(fig, renderer)
        if makeup != self._makeup:
            self._makeup, self._kept = makeup, None
        fig.set_layout_engine("none")
        try:
            if self._kept:
                places, before = self._kept
                _place(fig, places)
                picture = _draw(fig, renderer)
                if _has_room(_texts(fig, renderer, picture), before):
                    return picture
            engine.execute(fig)
            found = _places(fig)
            if self._kept and (narrower := _narrower(places, found)):
                _place(fig, narrower)
                picture = _draw(fig, renderer)
                now = _texts(fig, renderer, picture)
                if now.whole:
                    widest = np.maximum(now.beyond, before.beyond)
                    self._kept = (
                        narrower,
                        now._replace(beyond=widest, title_bottom=min(now.title_bottom, before.title_bottom)),
                    )
                    return picture
                _place(fig, found)
            picture = _draw(fig, renderer)
            now = _texts(fig, renderer, picture)
            self._kept = (found, now) if now.whole else None
            return picture
        finally:
            fig.set_layout_engine(engine)


def _draw(fig: Figure, renderer: _Renderer) -> npt.NDArray[np.uint8]:
    renderer.begin()
    fig.draw(renderer)
    return np.asarray(renderer.buffer_rgba())  # type: ignore[no-untyped-call]


def _titles(fig: Figure) -> list[Any]:
    """The titles that the layout moves: above, below and beside all panels."""
    titles = (getattr(fig, name, None) for name in ("_suptitle", "_supxlabel", "_supylabel"))
    return [title for title in titles if title is not None]


def _makeup(fig: Figure) -> object:
    """What must be equal for a layout to serve again; None where the layout is not ours to keep."""
    parts: list[object] = [tuple(fig.bbox.size), len(_titles(fig))]
    for ax in fig.axes:
        spec, bar = ax.get_subplotspec(), getattr(ax, "_colorbar_info", None)
        if spec is None and bar is None:
            return None
        grid = spec and (
            spec.get_geometry(),
            spec.get_gridspec().get_width_ratios(),
            spec.get_gridspec().get_height_ratios(),
        )
        parts.append((grid, bar and bar["location"], ax.get_visible(), ax.get_zorder()))
    return None if fig.subfigs else parts


def _places(fig: Figure) -> _Places:
    return _Places([ax.get_position(original=True) for ax in fig.axes], [t.get_position() for t in _titles(fig)])


def _place(fig: Figure, places: _Places) -> None:
    for ax, box in zip(fig.axes, places.panels, strict=True):
        ax.set_position(box)
        ax.set_in_layout(True)
    for title, position in zip(_titles(fig), places.titles, strict=True):
        title.set_position(position)


def _narrower(one: _Places, other: _Places) -> _Places | None:
    """Panels that lie within both, so that they leave room for the labels of both; None if that makes them small."""
    panels = []
    for old, new in zip(one.panels, other.panels, strict=True):
        box = Bbox.intersection(old, new)
        if box is None or box.width < 0.6 * new.width or box.height < 0.6 * new.height:
            return None
        panels.append(box)
    return _Places(panels, other.titles)


def _texts(fig: Figure, renderer: _Renderer, picture: npt.NDArray[np.uint8]) -> _Texts:
    title = next(iter(_titles(fig)), None)
    title_font = title and title.get_fontproperties()
    panels = sorted((ax for ax in fig.axes if ax.get_visible()), key=lambda ax: ax.get_zorder())
    inner = [ax.get_position(original=True).transformed(fig.transFigure).extents for ax in panels]
    outer = np.array(inner).reshape(-1, 4)
    title_bottom, others = math.inf, []
    for panel, font, box in renderer.texts:
        if panel:
            np.minimum(outer[panel - 1, :2], box[:2], out=outer[panel - 1, :2])
            np.maximum(outer[panel - 1, 2:], box[2:], out=outer[panel - 1, 2:])
        elif font is title_font:
            title_bottom = min(title_bottom, box[1])
        else:
            others.append(box)
    boxes = np.array([box for _, _, box in renderer.texts]).reshape(-1, 4)
    inside = (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= (renderer.width, renderer.height)).all()
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return _Texts(
        beyond=np.abs(outer - np.array(inner).reshape(-1, 4)),
        title_bottom=title_bottom,
        others=np.array(others).reshape(-1, 4),
        whole=bool(inside and (edge == edge[0]).all()),
    )


def _has_room(now: _Texts, before: _Texts) -> bool:
    """Whether a drawing in an earlier one's layout keeps to the room that the earlier one needed."""
    return bool(
        now.whole
        and (now.beyond <= before.beyond + SLACK).all()
        and now.title_bottom >= before.title_bottom - SLACK
        and now.others.shape == before.others.shape
        and (np.abs(now.others - before.others) <= SLACK).all()
    )


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
    _Canvas(fig)
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
        title: one sentence, set left above the panels; a long one wraps.
        alt: what a reader who cannot see the figure should know.

    Returns:
        The same figure.

    Raises:
        ValueError: if the title or the alt text is empty.
    """
    if not title.strip() or not alt.strip():
        raise ValueError("a figure needs a title that says the finding and alt text that says what it shows")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12.5, fontweight="bold", color=INK, wrap=True)
    fig.alt = alt
    return fig


def legend(ax: Axes, **where: Any) -> None:
    """Add a plain legend without a frame; ``where`` goes to ``Axes.legend``."""
    ax.legend(frameon=False, fontsize=10, labelcolor=INK, **where)
