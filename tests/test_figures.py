from __future__ import annotations

import itertools
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
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
    import io

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
