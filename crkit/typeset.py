"""Text on a drawn page: broken into lines and shrunk until it fits, in fonts that this computer has.

Nothing is ever cut. A character that no font has becomes a box, and `missing_note` says how many there are.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib import font_manager
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

LARGEST = 10.0  # points
LEADING = 1.28  # from line to line, in sizes
MISSING = "▢"
_PREFERRED = ("Noto", "Source Han", "WenQuanYi", "Microsoft YaHei", "PingFang", "SimHei", "Segoe UI", "Apple", "Arial")


@functools.lru_cache(maxsize=64)
def _covered(file: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(file).get_charmap())


@functools.cache
def _base() -> tuple[str, frozenset[int]]:
    """The font that Matplotlib brings along, and what it covers."""
    file = str(font_manager.findfont("DejaVu Sans"))
    return "DejaVu Sans", _covered(file)


class Fonts(NamedTuple):
    """The fonts of a document.

    Attributes:
        families: in the order in which they are tried.
        missing: the characters that none of them has.
    """

    families: tuple[str, ...]
    missing: frozenset[str]


def fonts_for(text: str) -> Fonts:
    """Fonts of this computer that together cover a text, as far as there are any.

    Args:
        text: everything that is to be drawn.

    Example:
        >>> fonts_for("Gemüse")
        Fonts(families=('DejaVu Sans',), missing=frozenset())
    """
    name, covered = _base()
    families, left = [name], {c for c in text if _visible(c) and ord(c) not in covered}
    if left:
        listed = sorted(font_manager.fontManager.ttflist, key=lambda f: (not f.name.startswith(_PREFERRED), f.fname))
        for font in listed:
            if font.style != "normal" or font.name in families or "Last Resort" in font.name:
                continue
            try:
                more = {character for character in left if ord(character) in _covered(font.fname)}
            except (OSError, RuntimeError):  # a font that cannot be read is no help
                continue
            if more:
                families.append(font.name)
                left -= more
            if not left:
                break
    return Fonts(tuple(families), frozenset(left))


def _visible(character: str) -> bool:
    return not (character.isspace() or unicodedata.category(character) in ("Cf", "Mn", "Cc"))


def drawable(text: str, fonts: Fonts) -> str:
    """The text with a box for each character that no font has; invisible marks beside a box are left out.

    Args:
        text: what is to be drawn.
        fonts: as `fonts_for` gives them.
    """
    if not fonts.missing:
        return "".join(c for c in text if c not in "\ufe0e\ufe0f")
    return "".join(
        MISSING if c in fonts.missing else "" if unicodedata.category(c) == "Cf" or c in "\ufe0e\ufe0f" else c
        for c in text
    )


def missing_note(texts: Sequence[str], fonts: Fonts) -> str:
    """A sentence that says what the boxes stand for; empty if there are none.

    Args:
        texts: all that is drawn.
        fonts: as `fonts_for` gives them.
    """
    count = sum(c in fonts.missing for text in texts for c in text)
    if not count:
        return ""
    kinds = sorted({_script(c) for c in fonts.missing})
    scripts = ", ".join(kinds[:4])
    return (
        f"{MISSING} stands for a character that no font of this computer has ({count} in all: {scripts}"
        f"{', …' if len(kinds) > 4 else ''})."
    )


def _script(character: str) -> str:
    if unicodedata.category(character).startswith("S"):
        return "emoji and other signs"
    script = unicodedata.name(character, "unnamed").split()[0].lower()
    return {"cjk": "Chinese", "fullwidth": "Chinese", "ideographic": "Chinese"}.get(script, script.capitalize())


@functools.cache
def _renderer() -> Any:
    make: Any = RendererAgg  # untyped in matplotlib
    return make(16, 16, 72)


@functools.lru_cache(maxsize=20_000)
def _width(text: str, families: tuple[str, ...], bold: bool = False) -> float:
    """The width of a text at a size of 1, in the unit of the size."""
    font = FontProperties(family=list(families), size=100, weight="bold" if bold else "normal")
    return float(_renderer().get_text_width_height_descent(text, font, ismath=False)[0]) / 100


def wrap(text: str, width: float, size: float, fonts: Fonts, *, bold: bool = False) -> list[str]:
    """Break a text into lines that are no wider than ``width``.

    Args:
        text: one paragraph.
        width: in points.
        size: of the font, in points.
        fonts: as `fonts_for` gives them.
        bold: whether it is set in bold.

    Returns:
        The lines. A word that is too long for a line, or text without spaces, is broken between characters.
    """
    room, space = width / size, _width(" ", fonts.families, bold)
    lines: list[str] = []
    line, used = "", 0.0
    for word in text.split():
        long = _width(word, fonts.families, bold)
        if line and used + space + long <= room:
            line, used = f"{line} {word}", used + space + long
            continue
        if line:
            lines.append(line)
        line, used = (word, long) if long <= room else ("", 0.0)
        for character in () if line else word:
            more = _width(character, fonts.families, bold)
            joined = unicodedata.category(character).startswith("M") or "\u200d" in (character, line[-1:])
            if line and not joined and used + more > room:
                lines.append(line)
                line, used = "", 0.0
            line, used = line + character, used + more
    return [*lines, line] if line else lines


class Fit(NamedTuple):
    """A size in points, and the lines of each paragraph."""

    size: float
    paragraphs: list[list[str]]


def fit(paragraphs: Sequence[str], width: float, height: float, fonts: Fonts, *, largest: float = LARGEST) -> Fit:
    """Find the largest size at which paragraphs fit into a box.

    Args:
        paragraphs: one text each.
        width: of the box, in points.
        height: of the box, in points.
        fonts: as `fonts_for` gives them.
        largest: the size to begin with.

    Returns:
        The size, and each paragraph's lines. There is no smallest size, since nothing is ever cut.
    """
    size = largest
    while True:
        indent = 0.9 * size
        broken = [wrap(text, width - indent, size, fonts) for text in paragraphs]
        lines = sum(len(part) for part in broken)
        if lines * size * LEADING + max(len(broken) - 1, 0) * 0.35 * size <= height:
            return Fit(size, broken)
        size = size - 0.5 if size > 6 else size * 0.93
