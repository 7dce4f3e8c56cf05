"""Receipts: what a student can hold against a feedback page and the file that was handed in.

A receipt is a few lines of text in the page. Its *check* is the SHA-256 of the lines above it, so that damage shows.
Its *seal* is an HMAC-SHA256 of the lines above the code under the course's secret, so that who holds the secret can
tell whether grading wrote them. Its *code* is the beginning of the seal, short enough to read out.

Without the secret: the lines hold together, and they are about a file of exactly these bytes. Anybody who can compute a
SHA-256 could still have written them. With the secret: they were written with it, as they stand. In neither case does a
receipt say who wrote the file, that the time is right (it is the one that grading was given), that the points are
deserved, or that they were not changed later: marking by a person gives a new receipt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

ID = "crkit-receipt"
_FIRST = "crkit receipt 1"
_CODE_LETTERS = 12  # 60 bits


class Receipt(NamedTuple):
    """A receipt as it stands in a page.

    Attributes:
        text: its lines.
        told: what they say, by the word before the colon.
        code: the beginning of its seal, for reading out.
    """

    text: str
    told: Mapping[str, str]
    code: str


class Verified(NamedTuple):
    """What became of holding a receipt against a file.

    Attributes:
        whole: whether the lines hold together.
        same_file: whether they are about a file of exactly these bytes.
        sealed: whether they were written with the course's secret; None if none was given.
        receipt: the receipt.
        says: one sentence for each of these, and what they do not prove.
    """

    whole: bool
    same_file: bool
    sealed: bool | None
    receipt: Receipt
    says: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return self.whole and self.same_file and self.sealed is not False


def make(told: Mapping[str, str], secret: bytes) -> Receipt:
    """Write a receipt.

    Args:
        told: its lines by their first words; among them ``sha256``, of the file that was handed in.
        secret: the course's secret.

    Returns:
        The same receipt for the same lines and secret.

    Raises:
        ValueError: if there is no ``sha256``, or a first word holds a colon.

    Example:
        >>> receipt = make({"student": "s001", "sha256": hashlib.sha256(b"work").hexdigest()}, b"secret")
        >>> receipt.code, receipt.told["student"]
        ('VHCQ-6TCF-E34D', 's001')
    """
    if "sha256" not in told:
        raise ValueError("a receipt is about a file: it needs its sha256")
    lines = [_FIRST]
    for name, value in told.items():
        if ":" in name:
            raise ValueError(f"the first words of a line hold no colon: {name!r}")
        lines.append(f"{name}: {_one_line(value)}")
    seal = _seal("\n".join(lines), secret)
    lines += [f"code: {_code(seal)}", f"seal: {seal}"]
    lines.append(f"check: {_sha256(chr(10).join(lines).encode())}")
    return _parse("\n".join(lines))


def as_html(receipt: Receipt) -> str:
    """The receipt as the one element of a page that `read` finds."""
    return f'<pre id="{ID}" tabindex="0" aria-label="Receipt">{html.escape(receipt.text)}</pre>'


def read(page: str) -> Receipt:
    """The receipt in a page.

    Args:
        page: the text of an HTML file.

    Raises:
        ValueError: if the page holds none, or several.
    """
    finder = _Finder()
    finder.feed(page)
    finder.close()
    if len(finder.found) != 1:
        raise ValueError(
            f"the page holds {len(finder.found) or 'no'} receipts: give a feedback page of crkit as it came"
        )
    return _parse(finder.found[0])


def verify(page: Path, submission: Path, secret: bytes | None = None) -> Verified:
    """Hold the receipt of a feedback page against the file that was handed in. It needs no network.

    Args:
        page: the feedback page, an HTML file.
        submission: the file that was handed in, as it was.
        secret: the course's secret, which only the instructor has.

    Returns:
        What holds and what does not.

    Raises:
        ValueError: if the page is no text or holds no receipt.
        OSError: if a file cannot be read.
    """
    try:
        receipt = read(Path(page).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{page} is no feedback page: it is not UTF-8 text") from error
    except ValueError as error:
        raise ValueError(f"{page}: {error}") from error
    lines = receipt.text.split("\n")
    whole = (
        len(lines) >= 4 and lines[0] == _FIRST and lines[-1] == f"check: {_sha256(chr(10).join(lines[:-1]).encode())}"
    )
    digest = _sha256(Path(submission).read_bytes())
    same = hmac.compare_digest(receipt.told.get("sha256", "").encode(), digest.encode())
    sealed = None
    if secret is not None:
        seal = _seal("\n".join(lines[:-3]), secret)
        told = lines[-3:-1]
        sealed = hmac.compare_digest("\n".join(told).encode(), f"code: {_code(seal)}\nseal: {seal}".encode())
    return Verified(whole, same, sealed, receipt, _says(whole, same, sealed, submission.name))


def _says(whole: bool, same: bool, sealed: bool | None, file: str) -> tuple[str, ...]:
    return (
        "The receipt is whole: its lines hold together."
        if whole
        else "The receipt is damaged: a line of it was changed or is missing.",
        f"It is about {file}, byte for byte."
        if same
        else f"It is about another file than {file}, or {file} was changed after it was handed in.",
        {
            True: "It was written with this course's secret, as it stands. It does not say who wrote the file, and "
            "later marks may have replaced it.",
            False: "It was not written with this course's secret, or was changed since.",
            None: "Whether the course wrote it, only who holds the course's secret can tell.",
        }[sealed],
    )


def _parse(text: str) -> Receipt:
    lines = [line.strip() for line in text.strip().splitlines()]
    told = {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
    return Receipt("\n".join(lines), told, told.get("code", ""))


def _one_line(text: str) -> str:
    """Text without line breaks and other control characters, so that no value can pass for a line."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _seal(text: str, secret: bytes) -> str:
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def _code(seal: str) -> str:
    letters = base64.b32encode(bytes.fromhex(seal)).decode()[:_CODE_LETTERS]
    return "-".join(letters[place : place + 4] for place in range(0, _CODE_LETTERS, 4))


class _Finder(HTMLParser):
    """Collects the text of every element that is a receipt."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre" and dict(attrs).get("id") == ID:
            self.found.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data
