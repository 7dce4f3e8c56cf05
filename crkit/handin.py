"""What an assignment's notebook hands in, shown to the student before it is handed in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crkit.questions.core import Form, take

FILE = "questions.json"  # beside the notebook: how each question's answer is read, and nothing of what it should be
_MOST_TEXT = 60


class Shown:
    """What `show` gives: shows itself in a notebook in full.

    Attributes:
        table: one row a question: ``question`` (the index), ``title``, ``points`` and ``what is read``.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def __repr__(self) -> str:
        return self.table.to_string()

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            return str(self.table.to_html(border=0, justify="left"))


def show(namespace: Mapping[str, Any], file: str | Path = FILE) -> Shown:
    """Show what the grading will read from a notebook, question by question.

    Args:
        namespace: the notebook's variables, ``globals()``.
        file: what the assignment came with.

    Returns:
        What is read, question by question. Nothing is judged.

    Raises:
        FileNotFoundError: if the file is not there.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(f"there is no {file} here: keep the notebook in the folder that the assignment came in")
    rows = []
    for asked in json.loads(Path(file).read_text(encoding="utf-8")):
        form = Form(**{**asked["form"], "choices": tuple(asked["form"]["choices"])})
        rows.append((form.name, asked["title"], asked["points"], _read(form, namespace)))
    return Shown(pd.DataFrame(rows, columns=["question", "title", "points", "what is read"]).set_index("question"))


def _read(form: Form, namespace: Mapping[str, Any]) -> str:
    name = f"answer_{form.name}"
    if name not in namespace:
        return f"nothing: there is no {name}"
    answer = namespace[name]
    if form.kind == "function" and callable(answer):
        code = getattr(answer, "__code__", None)
        if code is not None and not code.co_names and code.co_consts in ((None,), (..., None)):
            return "nothing: the function does nothing yet"
        return "a function; it is called when it is graded"
    taken = take(form, answer)
    if taken["state"] != "given":
        return f"{'nothing' if taken['state'] == 'none' else 'cannot be read'}: {taken['says']}"
    value = taken["value"]
    if form.kind == "table":
        columns = ", ".join(str(name) for name, _ in value["columns"])
        return f"a table of {len(value['rows'])} rows by {', '.join(form.keys)}, with {columns}"
    if form.kind == "decision":
        texts = "; ".join(f"{part}: {_short(value[part]) or 'MISSING'}" for part in ("claim", "action"))
        number = "cannot be read" if value["number"] is None else f"{value['number']:.6g}"
        return f"number: {number}; {texts}"
    return f"{value:.6g}" if isinstance(value, float) else _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 3]}..."
