"""The one widget pattern: controls, a figure redrawn in place, and a sentence that says what it shows now.

An explorer is made by `explore` and shows itself as the last value of a cell. Where a kernel runs, the reader moves the
controls; where none does (GitHub, a printed report, a stored notebook), the same output is the first drawing with its
alt text.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import inspect
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ipywidgets as widgets

from crkit.figures import Figure, Layout

HEADLESS = "CRKIT_HEADLESS"
_STALE = "crkit-stale"
PAUSE_S = 0.05  # how long a reader must rest before the next step is drawn ahead
SLOW_S = 1.0  # a drawing that takes longer is not drawn ahead: it would make the reader's next move wait
_UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap"


class _Drawn(NamedTuple):
    """One drawing: the picture, its alt text and the sentence that goes with it."""

    png: bytes
    alt: str
    sentence: str


class Explorer:
    """Controls and the figure that they redraw; made by `explore`.

    Attributes:
        controls: the ipywidgets, by the name of the argument of ``draw`` that each sets.
        sentence: what the figure shows now.
        error: what the last drawing raised, or None. While it is set, the picture is the last one that could be drawn.
        view: the widget that holds controls, picture and sentence.
    """

    def __init__(self, draw: Callable[..., Any], controls: dict[str, Any]) -> None:
        self._draw = draw
        self.controls = controls
        self.error: Exception | None = None
        self._picture = widgets.Image(
            format="png", layout=widgets.Layout(max_width="100%", height="auto", align_self="flex-start")
        )
        self._line = widgets.HTML()
        self._warning = widgets.HTML()
        bar = widgets.HBox(
            list(controls.values()), layout=widgets.Layout(flex_flow="row wrap", overflow="visible", width="100%")
        )
        self.view = widgets.VBox([bar, self._warning, self._picture, self._line])
        self._layout = Layout()
        self._ahead: tuple[dict[str, Any], _Drawn] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._took_s = 0.0
        self._first = self._drawing(self._values())
        self._show(self._first)
        self._listening = True
        for control in controls.values():
            control.observe(self._moved, names="value")

    def set(self, **values: Any) -> None:
        """Move controls from code, and redraw once.

        Args:
            **values: the new value of each control that moves, by name.

        Raises:
            ValueError: if a name is not a control, or a control does not allow the value.
            Exception: whatever ``draw`` raises.
        """
        unknown = [name for name in values if name not in self.controls]
        if unknown:
            raise ValueError(f"no control is called {unknown[0]!r}; there are {', '.join(self.controls)}")
        self._listening = False
        try:
            for name, value in values.items():
                _put(name, self.controls[name], value)
        finally:
            self._listening = True
        self._redraw()

    def _values(self) -> dict[str, Any]:
        return {name: control.value for name, control in self.controls.items()}

    def _drawing(self, values: dict[str, Any]) -> _Drawn:
        drawn = self._draw(**values)
        figure, sentence = drawn if isinstance(drawn, tuple) and len(drawn) == 2 else (drawn, None)
        if not isinstance(figure, Figure):
            raise TypeError(
                "draw must return a crkit.figures.Figure, or a pair of a Figure and a sentence, not "
                f"{type(drawn).__name__}"
            )
        if not figure.alt.strip():
            raise ValueError("the figure has no alt text: end draw with figures.finish(fig, title=..., alt=...)")
        return _Drawn(figure.png(self._layout), figure.alt, figure.alt if sentence is None else str(sentence))

    def _show(self, drawing: _Drawn) -> None:
        self.sentence = drawing.sentence
        self._picture.value = drawing.png
        # the Image widget takes no alt text, so it goes here, for screen readers only
        alt = drawing.alt
        hidden = "" if alt == self.sentence else f' <span style="{_UNSEEN}">{html.escape(alt)}</span>'
        self._line.value = f'<div role="status" aria-live="polite">{html.escape(self.sentence)}{hidden}</div>'

    def _moved(self, change: Any) -> None:
        if self._listening:
            self._redraw()
            self._look_ahead(change)

    def _look_ahead(self, change: Any) -> None:
        """When the reader rests, draw the next step of the slider that moved, in the same direction."""
        if self._timer is not None:
            self._timer.cancel()
        control, old, new = change["owner"], change["old"], change["new"]
        if self._took_s > SLOW_S or not isinstance(control, widgets.IntSlider | widgets.FloatSlider):
            return
        # rounded as the browser sends it: a multiple of the step, without the error of adding
        following = type(new)(round(new + control.step if new > old else new - control.step, 10))
        if not control.min <= following <= control.max:
            return
        name = next(name for name, each in self.controls.items() if each is control)
        values = {**self._values(), name: following}
        with contextlib.suppress(RuntimeError):  # no event loop: not in a notebook
            self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._draw_ahead, values)

    def _draw_ahead(self, values: dict[str, Any]) -> None:
        # an error is raised again, and shown, if the reader goes there
        with contextlib.suppress(Exception):
            self._ahead = values, self._drawing(values)

    def _redraw(self) -> None:
        values, ahead = self._values(), self._ahead
        self._ahead = None
        start = time.perf_counter()
        try:
            if ahead is not None and ahead[0] == values:
                drawing = ahead[1]
            else:
                drawing = self._drawing(values)
                self._took_s = time.perf_counter() - start
        except Exception as error:
            self.error = error
            self._warning.value = _warning(error)
            self._picture.add_class(_STALE)
            raise
        self._show(drawing)
        if self.error is not None:
            self.error = None
            self._warning.value = ""
            self._picture.remove_class(_STALE)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        png, alt, _sentence = self._first
        bundle = dict(self.view._repr_mimebundle_())
        bundle["image/png"] = png
        bundle["text/plain"] = alt
        return bundle, {"image/png": {"alt": alt}}

    def prove(self) -> None:
        """Draw with every control at its first end, then with every control at its next, then return to the start.

        `explore` does this by itself where the environment variable ``CRKIT_HEADLESS`` is 1, so that a headless run
        fails where a reader would have met an error.

        Raises:
            Exception: whatever ``draw`` raises, with a note that says at which values.
        """
        start = self._values()
        ends = {name: list(_ends(control)) for name, control in self.controls.items()}
        for step in range(max(map(len, ends.values()))):
            values = {name: each[min(step, len(each) - 1)] for name, each in ends.items() if each}
            try:
                self.set(**values)
            except Exception as error:
                told = ", ".join(f"{name} = {value!r}" for name, value in values.items())
                error.add_note(f"The explorer raised this at {told}.")
                raise
        self._ahead = start, self._first
        self.set(**start)


def explore(draw: Callable[..., Any], /, **controls: Any) -> Explorer:
    """Show controls above a figure that is redrawn in place whenever one of them moves.

    A dragged slider stays responsive: Jupyter's widgets send the next value only when the last one has been drawn, so
    drawings never queue up. While the reader rests, the next step of a slider is drawn ahead, so ``draw`` must depend
    on its arguments alone. The panels stay where the first drawing put them, until a label needs more room.

    If ``draw`` raises when a control moves, the reader sees the message in a box above the last good picture, which
    fades, and the exception goes on to the kernel's log. At the first drawing it is raised in the cell.

    Args:
        draw: called with the value of every control by name; returns a `crkit.figures.Figure`, or a pair of that and a
            sentence that says what the figure shows now. Without a sentence, the figure's alt text is shown.
        **controls: one for each argument of ``draw``: an ipywidget with a value; ``(low, high, step)`` for a slider,
            which starts at the argument's default in ``draw`` if it has one, else in the middle; ``True`` or ``False``
            for a checkbox; a list of options, or of ``(label, value)`` pairs, for a dropdown. The name, with spaces for
            underscores, is the label of a control made from these.

    Returns:
        The explorer, which shows itself as the last value of a cell.

    Raises:
        TypeError: if ``draw`` does not take the controls, or returns something else than a figure.
        ValueError: if a control cannot be made from what was given.
        Exception: whatever the first drawing raises.

    Example:
        >>> from crkit import figures
        >>> def draw(rate=0.1, months=12):
        ...     fig, (ax,) = figures.new()
        ...     _ = ax.plot([(1 - rate) ** month for month in range(months)], **figures.line(0))
        ...     left = (1 - rate) ** months
        ...     return figures.finish(fig, title=f"{left:.0%} stay", alt=f"After {months} months, {left:.0%} are left.")
        >>> explorer = explore(draw, rate=(0.0, 0.5, 0.05), months=(6, 36, 6))
        >>> explorer.sentence
        'After 12 months, 28% are left.'
        >>> explorer.set(rate=0.2)
        >>> explorer.sentence
        'After 12 months, 7% are left.'
    """
    if not controls:
        raise ValueError("an explorer needs a control, such as months=(6, 36, 6)")
    parameters = inspect.signature(draw).parameters
    try:
        inspect.signature(draw).bind(**controls)
    except TypeError as error:
        takes = ", ".join(parameters) or "nothing"
        raise TypeError(f"draw takes {takes}; the controls are {', '.join(controls)}") from error
    made = {}
    for name, given in controls.items():
        default = parameters[name].default if name in parameters else inspect.Parameter.empty
        made[name] = _control(name, given, default)
    for control in made.values():
        if not isinstance(control, widgets.Checkbox) and "description_width" in control.style.keys:
            control.style.description_width = "initial"
    explorer = Explorer(draw, made)
    if os.environ.get(HEADLESS) == "1":
        explorer.prove()
    return explorer


def _control(name: str, given: Any, default: Any) -> Any:
    """The ipywidget for one control, from an ipywidget or from shorthand."""
    label = name.replace("_", " ").capitalize()
    apart = "2px 24px 2px 2px"
    look: dict[str, Any] = {"description": label, "layout": widgets.Layout(width="26em", margin=apart)}
    has_default = default is not inspect.Parameter.empty
    if isinstance(given, widgets.Widget):
        if not given.has_trait("value"):
            raise ValueError(f"{name}: a {type(given).__name__} has no value to explore")
        return given
    if isinstance(given, bool):
        return widgets.Checkbox(
            value=given, indent=False, description=label, layout=widgets.Layout(width="auto", margin=apart)
        )
    if isinstance(given, list) and given:
        dropdown = widgets.Dropdown(options=given, **look)
        if has_default:
            _put(name, dropdown, default)
        return dropdown
    if isinstance(given, tuple) and len(given) == 3 and all(_is_number(x) for x in given):
        low, high, step = given
        if low < high and 0 < step <= high - low:
            whole = all(isinstance(x, int) for x in given)
            start = default if has_default else low + (high - low) / step // 2 * step
            kind = widgets.IntSlider if whole else widgets.FloatSlider
            slider = kind(value=low, min=low, max=high, step=step, **look)
            if not whole:
                slider.readout_format = f".{_decimals(step)}f"
            _put(name, slider, int(start) if whole and start == int(start) else start)
            return slider
    raise ValueError(
        f"{name}: cannot make a control from {given!r}; give (low, high, step) with low < high for a slider, "
        "True or False for a checkbox, a list of options for a dropdown, or an ipywidget"
    )


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def _decimals(step: float) -> int:
    """How many decimals show every step: 0.05 -> 2."""
    return max(0, *(len(part) for part in f"{step:.10f}".rstrip("0").split(".")[1:]))


def _put(name: str, control: Any, value: Any) -> None:
    """Set a control's value; a slider would clip it in silence, so compare."""
    try:
        control.value = value
    except Exception as error:
        raise ValueError(f"{name}: {value!r} is not a value of this control") from error
    if control.value != value:
        allowed = f"{control.min} to {control.max}"
        raise ValueError(f"{name}: {value!r} is not a value of this control, which goes from {allowed}")


def _ends(control: Any) -> Iterator[Any]:
    """The values that prove a control: both ends of a slider, every option, both states of a checkbox."""
    if isinstance(control, widgets.Checkbox | widgets.ToggleButton):
        yield from (False, True)
    elif hasattr(control, "options") and hasattr(control, "_options_values"):
        yield from control._options_values
    elif hasattr(control, "min") and hasattr(control, "max"):
        pair = isinstance(control.value, tuple)
        ends = ((control.min, control.min), (control.max, control.max)) if pair else (control.min, control.max)
        yield from ends


def _warning(error: Exception) -> str:
    message = html.escape(f"{type(error).__name__}: {error}")
    return (
        f"<style>img.{_STALE}{{opacity:.3}}</style>"
        '<div role="alert" style="border:2px solid #b00020;border-left-width:8px;padding:6px 10px;line-height:1.4">'
        f"<b>&#9888; This could not be drawn.</b> {message}<br>The faded figure below shows an earlier setting.</div>"
    )
