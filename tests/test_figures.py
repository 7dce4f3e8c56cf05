from __future__ import annotations

import io
import itertools
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from crkit import figures


def drawn(title="Sales rise in every group", months=12):
    fig, (ax, other) = figures.new(1, 2)
    for i in range(3):
        ax.plot(np.arange(months), np.arange(months) * 1000 * (i + 1), label=f"group {i}", **figures.line(i))
    ax.set(xlabel="months since the first order", ylabel="revenue (EUR)")
    figures.legend(ax)
    other.bar(["champions", "loyal", "dormant"], [1, 2, 3], **figures.bar(1))
    other.set(xlabel="segment", ylabel="customers")
    return figures.finish(fig, title=title, alt="Three rising lines, and three bars.")


@pytest.mark.parametrize(("title", "alt"), [("", "alt"), ("title", " "), ("\n", "alt")])
def test_a_figure_needs_a_title_and_alt_text(title, alt):
    with pytest.raises(ValueError, match="needs a title"):
        figures.finish(figures.new()[0], title=title, alt=alt)


def test_it_shows_itself_as_a_picture_with_alt_text():
    fig = drawn()
    data, metadata = fig._repr_mimebundle_()
    assert data["image/png"] == fig.png()
    assert data["text/plain"] == "Three rising lines, and three bars."
    assert metadata == {"image/png": {"alt": "Three rising lines, and three bars."}}


def test_the_same_figure_gives_the_same_bytes_in_any_process():
    script = (
        f"import runpy, hashlib, sys; print(hashlib.sha256(runpy.run_path({__file__!r})['drawn']().png()).hexdigest())"
    )
    runs = {subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1
    assert drawn().png() == drawn().png() != drawn(months=13).png()
    fig = drawn()
    assert fig.png() == fig.png()


def test_the_picture_has_the_size_asked_for():
    picture = Image.open(io.BytesIO(drawn().png()))
    assert picture.size == (round(8 * figures.DPI), round(4.2 * figures.DPI))
    assert picture.mode == "RGB"


def test_nothing_global_changes():
    before = dict(mpl.rcParams)
    drawn().png()
    assert dict(mpl.rcParams) == before
    assert (
        "matplotlib.pyplot"
        not in subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, crkit.figures; print('matplotlib.pyplot' in sys.modules and list(sys.modules))",
            ],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    )


def test_no_text_is_cut():
    fig = drawn()
    fig.png()
    box = fig.get_tightbbox()
    width, height = fig.get_size_inches()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height


TEXTS = [("Käfig 1,234.5", 0, 10), ("months → €", 0, 12.5), ("café", 90, 11), ("$x^2$ of it", 0, 10), ("", 0, 9)]


@pytest.mark.parametrize("family", ["DejaVu Sans", "STIXGeneral"])
def test_texts_look_as_matplotlib_draws_them(family):
    """On whole pixels; the second time they come from memory, elsewhere and in another colour."""
    layout = figures.Layout()
    for x, colour in ((20, "black"), (45, "#0072B2"), (33, "white")):
        ours, (ax,) = figures.new()
        theirs = Figure(figsize=(8.0, 4.2), dpi=figures.DPI, facecolor="#eeeeee")
        ours.set_facecolor("#eeeeee")
        ax.set_axis_off()
        for fig in (ours, theirs):
            for row, (text, angle, size) in enumerate(TEXTS):
                style = {"fontsize": size, "fontfamily": family, "color": colour, "alpha": 0.8}
                turned = {"rotation": angle, "rotation_mode": "anchor"}
                fig.text(x + 9 * row, 30 + 60 * row, text, transform=None, **style, **turned)
        canvas = FigureCanvasAgg(theirs)
        canvas.draw()
        picture = np.asarray(Image.open(io.BytesIO(ours.png(layout))))
        np.testing.assert_array_equal(picture, np.asarray(canvas.buffer_rgba())[:, :, :3])


@pytest.mark.parametrize("family", ["DejaVu Sans", "STIXGeneral"])
def test_texts_take_as_much_room_as_matplotlib_gives_them(family):
    ours, _ = figures.new()
    theirs = Figure(figsize=(8.0, 4.2), dpi=figures.DPI)
    FigureCanvasAgg(theirs)
    for size in (9, 12.5):
        for text in ("one line", "two\nlines", "$x^2$", "p"):
            extents = [
                fig.text(0.5, 0.5, text, fontsize=size, fontfamily=family, va="top").get_window_extent(
                    fig.canvas.get_renderer()
                )
                for fig in (ours, theirs)
            ]
            np.testing.assert_allclose(extents[0].bounds, extents[1].bounds)


def luminance(colour):
    return float(np.dot([0.2126, 0.7152, 0.0722], np.power(to_rgb(colour), 2.2)))


def test_series_differ_by_marker_line_and_hatch_too():
    for one, other in itertools.combinations(figures.SERIES, 2):
        assert one.color != other.color
        assert one.marker != other.marker
        assert one.linestyle != other.linestyle
        assert one.hatch != other.hatch
    assert figures.series(len(figures.SERIES)) == figures.series(0)


def test_lines_and_ink_stand_out_from_white():
    for colour in (figures.INK, *(style.color for style in figures.SERIES[:3])):
        assert (1 + 0.05) / (luminance(colour) + 0.05) >= 3


def growing(top, title="Sales rise", legend=False, annotation=None, left_top=1.0, bar=False):
    fig, (left, right) = figures.new(1, 2, size=(7, 3))
    left.plot([0, 1], [0, left_top], label="group " + "x" * len(str(top)), **figures.line(0))
    right.plot([0, top], [0, top], **figures.line(1))
    for ax, end in ((left, left_top), (right, top)):
        ax.yaxis.set_major_formatter("{x:,.2f}")
        ax.set(ylim=(0, end), xlabel="months", ylabel="revenue (EUR)")
    if legend:
        figures.legend(left, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    if annotation:
        right.annotate(annotation, (1, 0.5), xycoords="axes fraction", annotation_clip=False)
    if bar:
        image = right.imshow([[0, top], [top, 0]], aspect="auto", extent=(0, top, 0, top))
        fig.colorbar(image, ax=right, label="customers", format="{x:,.0f}")
    return figures.finish(fig, title=title, alt="Two lines.")


def laid_out(fig):
    """The panels with all that belongs to them, in pixels, and the title."""
    renderer = fig.canvas.get_renderer()
    return [ax.get_tightbbox(renderer) for ax in fig.axes], fig._suptitle.get_window_extent(renderer)


figures_to_draw = st.builds(
    growing,
    top=st.sampled_from([1, 10, 250, 4000, 50_000, 1_000_000]),
    left_top=st.sampled_from([1, 1000, 1_000_000]),
    title=st.sampled_from(
        ["Sales rise", "Sales rise\nand then they fall", " ".join(["Sales rise in every group"] * 6)]
    ),
    legend=st.booleans(),
    annotation=st.sampled_from([None, "peak", "the peak of all"]),
    bar=st.booleans(),
)


@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.lists(figures_to_draw, min_size=3, max_size=4))
def test_nothing_is_cut_or_overlaps_where_panels_stay(drawings):
    layout = figures.Layout()
    for fig in drawings:
        fig.png(layout)
        panels, title = laid_out(fig)
        for box in (*panels, title):
            assert box.x0 >= -0.5
            assert box.y0 >= -0.5
            assert box.x1 <= fig.bbox.x1 + 0.5
            assert box.y1 <= fig.bbox.y1 + 0.5
        assert max(box.y1 for box in panels) <= title.y0 + 0.5
        for one, other in itertools.pairwise(panels):
            assert one.x1 <= other.x0 + 0.5


def positions(fig):
    return [ax.get_position().extents for ax in fig.axes]


def test_panels_stay_while_labels_fit_and_keep_the_widest_margins():
    layout = figures.Layout()
    first, same, wide, back = growing(10), growing(30), growing(1_000_000), growing(10)
    for fig in (first, same, wide, back):
        fig.png(layout)
    np.testing.assert_array_equal(positions(first), positions(same))
    assert positions(wide)[1][0] > positions(first)[1][0]
    np.testing.assert_array_equal(positions(back), positions(wide))


@pytest.mark.parametrize("bar", [False, True])
def test_a_kept_layout_gives_the_same_picture_as_a_new_one(bar):
    layout = figures.Layout()
    growing(10, bar=bar).png(layout)
    assert growing(10, bar=bar).png(layout) == growing(10, bar=bar).png()


def test_a_figure_made_otherwise_is_laid_out_anew():
    layout = figures.Layout()
    drawn().png(layout)
    assert growing(10).png(layout) == growing(10).png()
    assert growing(10, bar=True).png(layout) == growing(10, bar=True).png()
