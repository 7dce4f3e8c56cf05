from __future__ import annotations

import asyncio
import gc
import re

import ipywidgets as widgets
import pytest

from crkit import figures
from crkit.explorer import explore

VIEW = "application/vnd.jupyter.widget-view+json"


def draw(rate=0.1, months=12, bars=True, who="home"):
    if rate > 0.45:
        raise ZeroDivisionError(f"no <value> at {rate}")
    fig, (ax,) = figures.new(size=(4, 2))
    ax.plot([(1 - rate) ** month for month in range(months)], **figures.line(0))
    title = f"{who}: {rate:.0%}"
    return figures.finish(fig, title=title, alt=f"A line: {title}, {bars}."), f"{title} & {months} months"


def explorer(**changed):
    controls = {"rate": (0.0, 0.5, 0.05), "months": (6, 36, 6), "bars": True, "who": ["home", "café"]} | changed
    return explore(draw, **controls)


def picture(made):
    (found,) = [child for child in made.view.children if isinstance(child, widgets.Image)]
    return found


def texts(made):
    return [child.value for child in made.view.children if isinstance(child, widgets.HTML)]


def test_shorthand_makes_labelled_controls_that_start_at_the_defaults_of_draw():
    made = explorer()
    kinds = {name: type(control) for name, control in made.controls.items()}
    assert kinds == {
        "rate": widgets.FloatSlider,
        "months": widgets.IntSlider,
        "bars": widgets.Checkbox,
        "who": widgets.Dropdown,
    }
    assert {name: control.value for name, control in made.controls.items()} == {
        "rate": 0.1,
        "months": 12,
        "bars": True,
        "who": "home",
    }
    assert [control.description for control in made.controls.values()] == ["Rate", "Months", "Bars", "Who"]
    assert made.controls["rate"].readout_format == ".2f"
    assert made.controls["rate"].step == 0.05


def test_without_a_default_a_slider_starts_in_the_middle_on_a_step():
    def bare(months):
        return figures.finish(figures.new(size=(3, 2))[0], title="T", alt=f"{months}")

    assert explore(bare, months=(6, 36, 6)).controls["months"].value == 18
    assert explore(bare, months=(0.0, 1.0, 0.1)).controls["months"].value == pytest.approx(0.5)


def test_ipywidgets_are_taken_as_they_are():
    slider = widgets.IntSlider(12, 6, 36, description="How many months")
    made = explorer(months=slider)
    assert made.controls["months"] is slider
    assert slider.style.description_width == "initial"


def test_moving_a_control_redraws_the_one_picture_and_the_sentence():
    made = explorer()
    before, children = bytes(picture(made).value), made.view.children
    assert before.startswith(b"\x89PNG")
    made.controls["rate"].value = 0.2
    assert picture(made).value != before
    assert made.view.children == children
    assert made.sentence == "home: 20% & 12 months"
    assert any('aria-live="polite">home: 20% &amp; 12 months' in text for text in texts(made))
    assert any("A line: home: 20%, True." in text for text in texts(made))
    wider = picture(made).value
    made.controls["rate"].value = 0.1
    assert made.sentence == "home: 10% & 12 months"
    made.controls["rate"].value = 0.2
    assert picture(made).value == wider


def test_the_output_is_one_display_with_a_widget_and_a_picture_with_alt_text():
    bundle, metadata = explorer()._repr_mimebundle_()
    assert set(bundle) == {VIEW, "image/png", "text/plain"}
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == "A line: home: 10%, True."
    assert metadata == {"image/png": {"alt": "A line: home: 10%, True."}}


def test_the_stored_picture_is_the_first_one():
    made = explorer()
    first = made._repr_mimebundle_()[0]["image/png"]
    made.set(rate=0.3)
    assert made._repr_mimebundle_()[0]["image/png"] == first


def test_an_error_at_the_first_drawing_is_raised():
    with pytest.raises(ZeroDivisionError):
        explore(draw, rate=widgets.FloatSlider(0.5, min=0, max=1))


def test_a_later_error_is_shown_fades_the_picture_is_raised_and_goes_away():
    made = explorer()
    good = picture(made).value
    with pytest.raises(ZeroDivisionError):
        made.controls["rate"].value = 0.5
    assert isinstance(made.error, ZeroDivisionError)
    assert any('role="alert"' in text and "no &lt;value&gt; at 0.5" in text for text in texts(made))
    assert picture(made).value == good
    assert "crkit-stale" in picture(made)._dom_classes
    made.controls["rate"].value = 0.1
    assert made.error is None
    assert not any("alert" in text for text in texts(made))
    assert "crkit-stale" not in picture(made)._dom_classes


def test_set_moves_several_controls_and_draws_once():
    calls = []

    def counted(rate=0.1, months=12):
        calls.append((rate, months))
        return draw(rate, months)

    made = explore(counted, rate=(0.0, 0.5, 0.05), months=(6, 36, 6))
    made.set(rate=0.2, months=24)
    assert calls == [(0.1, 12), (0.2, 24)]
    with pytest.raises(ZeroDivisionError):
        made.set(rate=0.5)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"rates": 0.2}, "no control is called 'rates'; there are rate, months"),
        ({"rate": 0.9}, "rate: 0.9 is not a value of this control, which goes from 0.0 to 0.5"),
        ({"who": "cafe"}, "who: 'cafe' is not a value"),
        ({"months": "many"}, "months: 'many' is not a value"),
    ],
)
def test_set_refuses_what_a_control_does_not_allow(values, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        explorer().set(**values)


@pytest.mark.parametrize(
    "spec", [(5, 1, 1), (1, 5), (1, 5, 0), (1, 5, 9), (1, 5, -1), [], "home", 3, None, (1, "5", 1), widgets.HTMLMath]
)
def test_bad_controls_are_refused_with_the_forms_there_are(spec):
    with pytest.raises(ValueError, match=r"months: cannot make a control from .* \(low, high, step\)"):
        explorer(months=spec)


def test_controls_must_fit_draw():
    with pytest.raises(TypeError, match="draw takes rate, months, bars, who; the controls are rat"):
        explore(draw, rat=(0.0, 0.4, 0.1))
    with pytest.raises(ValueError, match="needs a control"):
        explore(draw)
    with pytest.raises(ValueError, match="months: 12 is not a value of this control, which goes from 20 to 40"):
        explore(draw, months=(20, 40, 5))
    with pytest.raises(ValueError, match="Box has no value"):
        explore(draw, months=widgets.Box())


@pytest.mark.parametrize(
    ("returned", "error", "says"),
    [
        (lambda: None, TypeError, "must return a crkit.figures.Figure.* not NoneType"),
        (lambda: figures.new(size=(2, 2))[0], ValueError, "no alt text"),
    ],
)
def test_draw_must_return_a_figure_with_alt_text(returned, error, says):
    with pytest.raises(error, match=says):
        explore(lambda rate: returned(), rate=(0, 2, 1))  # noqa: ARG005  # the value does not matter here


def test_without_a_sentence_the_alt_text_serves():
    made = explore(lambda rate: draw(rate)[0], rate=(0.0, 0.4, 0.1))
    assert made.sentence == "A line: home: 20%, True."


def test_a_headless_run_draws_at_both_ends_of_every_control_and_with_every_option(monkeypatch):
    seen = []

    def watched(rate=0.1, months=12, bars=True, who="home"):
        seen.append((rate, months, bars, who))
        return draw(rate, months, bars, who)

    monkeypatch.setenv("CRKIT_HEADLESS", "1")
    made = explore(watched, rate=(0.0, 0.4, 0.1), months=(6, 36, 6), bars=True, who=["home", "café", "office"])
    assert len(seen) == len(set(seen)), "something was drawn twice"
    assert {rate for rate, *_ in seen} == {0.0, 0.1, 0.4}
    assert {months for _, months, *_ in seen} == {6, 12, 36}
    assert {bars for *_, bars, _ in seen} == {True, False}
    assert {who for *_, who in seen} == {"home", "café", "office"}
    assert made.sentence == "home: 10% & 12 months"


def test_a_headless_run_raises_what_a_reader_would_have_met(monkeypatch):
    monkeypatch.setenv("CRKIT_HEADLESS", "1")
    with pytest.raises(ZeroDivisionError) as caught:
        explorer()
    assert caught.value.__notes__ == ["The explorer raised this at rate = 0.5, months = 36, bars = True, who = 'café'."]


def test_redrawing_keeps_no_figures_and_no_widgets():
    made = explorer()

    def alive():
        gc.collect()
        kept = [type(thing) for thing in gc.get_objects()]
        return sum(issubclass(kind, figures.Figure) for kind in kept), sum(issubclass(k, widgets.Widget) for k in kept)

    made.set(months=18)
    before = alive()
    for _ in range(10):
        made.set(months=24)
        made.set(months=18)
    assert alive() == before


@pytest.mark.parametrize(("steps", "ahead"), [([18], [24]), ([18, 12], [6]), ([36], []), ([18, 24], [30])])
def test_the_next_step_is_drawn_while_the_reader_rests(steps, ahead):
    calls = []

    def counted(months=12):
        calls.append(months)
        return draw(months=months)

    made = explore(counted, months=(6, 36, 6))

    async def rests():
        for months in steps:
            made.controls["months"].value = months
        moved = len(calls)
        for _ in range(200 if ahead else 10):  # where something is to be drawn, it may take a busy machine long
            await asyncio.sleep(0.1)
            if ahead and calls[moved:] == ahead:
                break
        drawn_ahead = calls[moved:]
        for months in ahead:
            made.controls["months"].value = months
        return drawn_ahead, calls[moved:]

    assert asyncio.run(rests()) == (ahead, ahead)  # going there draws nothing again
    assert made.sentence.endswith(f"{(steps + ahead)[-1]} months")


def test_an_error_ahead_shows_only_where_the_reader_goes():
    def fails_at_24(months=12):
        if months == 24:
            raise ValueError("not 24")
        return draw(months=months)

    made = explore(fails_at_24, months=(6, 36, 6))

    async def rests():
        made.controls["months"].value = 18
        await asyncio.sleep(1)
        assert made.error is None
        with pytest.raises(ValueError, match="not 24"):
            made.controls["months"].value = 24

    asyncio.run(rests())
    assert str(made.error) == "not 24"
