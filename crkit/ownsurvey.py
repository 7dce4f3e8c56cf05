"""A reader's own survey: an export with one column a question becomes the table ``feedback``, one row an answer.

Survey tools export one row a person: when they answered, one column for each question, one for what they wrote. Here

- the columns mapped to ``nps``, ``csat`` and ``ces`` are questions. Each of their answers becomes a row of its own,
  with its ``kind`` and ``score``. Comment and ratings go with the first question that the person answered, so that they
  are counted once; a reply goes with each answer. A file that has ``kind`` and ``score`` itself stays as it is;
- columns mapped to ``rating_...`` are ratings of single things, from 1 to 5, whatever stands after the underscore;
- scores may be text: ``10 - extremely likely``, ``9/10``, ``n/a``. Another scale is refused: a 7 of 7 is no 7 of 10;
- without ``customer_id`` the survey is anonymous, and every row counts as a customer of its own;
- with ``sent_at``, a row without any answer is somebody who was asked and did not answer, and so is a question left
  out. Without it the file holds answers only: rows with none are set aside, and nobody can tell who did not answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crkit import ownfile
from crkit.ownvalues import HINTS, Array, FileProblem, Reason, other_scale

if TYPE_CHECKING:
    from crkit.datasets import Field
    from crkit.ownfile import FileRead

KINDS = {"nps": "NPS", "csat": "CSAT", "ces": "CES"}
RATING = re.compile(r"rating_\w+")
REPLY = ("replied_at", "closed_at", "owner")
_LIKELY = {
    "customer_id": r"(customer|client|user|member|kunde\w*|klant)\W*(id|nr|no|number|nummer)?|e-?mail.*",
    "sent_at": r".*(\bsent\b|invited|gesendet|versandt|verschickt).*",
    "answered_at": r".*(answered|submi|completed|end ?date|timestamp|zeitstempel|zeitpunkt|abgegeben).*|date|datum",
    "nps": r".*(recommend|empfehl|weiterempf|aanbevel|\bnps\b).*",
    "csat": r".*(satisf|zufrieden|tevreden|\bcsat\b).*",
    "ces": r".*(\beas[yi]|effort|einfach|aufwand|\bces\b).*",
    "comment": r".*(comment|kommentar|anmerkung|\bwhy\b|warum|opmerking).*",
}


def read(
    path: Path,
    fields: Sequence[Field],
    questions: Sequence[Field],
    mapping: Mapping[str, str],
    today: str | pd.Timestamp | None,
) -> FileRead:
    """Read a survey export; see `crkit.datasets.read_file`.

    Args:
        path: the file.
        fields: the columns of ``feedback``.
        questions: the columns that a survey may have beside them.
        mapping: our name of a column to the file's name of it.
        today: the last moment that is not in the future; now, if not given.

    Returns:
        The file, read; ``used`` counts the rows of the file, ``frame`` has one row an answer.

    Raises:
        FileProblem: if the file cannot be used, or a question was asked on another scale.
    """
    scored = [
        field._replace(type="score") if field.name == "score" or RATING.fullmatch(field.name) else field
        for field in fields
    ]
    header = ownfile.header(path, [*map(_bare, mapping.values()), *(field.name for field in (*fields, *questions))])
    told = {*mapping, *(set(header) - set(map(_bare, mapping.values())))}
    if not told & set(KINDS):
        if not {"kind", "score"} & set(mapping) and not {"kind", "score"} & told:
            raise _no_question(path, header, mapping)
        return _checked(path, ownfile.read(path, "feedback", scored, mapping, today))
    if both := {"kind", "score"} & set(mapping):
        what = f"the mapping names {' and '.join(sorted(both))} beside a question"
        raise FileProblem(path, what, remedy="map kind and score of a long file, or nps, csat and ces of a wide one")

    known = {field.name: field for field in (*scored, *questions) if field.name not in ("kind", "score", "contact_id")}
    rating = next(field for field in scored if RATING.fullmatch(field.name))
    known |= {name: rating._replace(name=name) for name in told if RATING.fullmatch(name)}
    wide = {name: name for name in known if name in told and name not in mapping} | dict(mapping)
    answers_only = "sent_at" not in wide
    asked = [
        field._replace(
            own_file="required" if field.name == "answered_at" else "optional",
            required=field.name in (("customer_id", "answered_at") if answers_only else ("customer_id", "sent_at")),
            unique=False,
        )
        for field in known.values()
    ]
    result = ownfile.read(path, "feedback", asked, wide, today, across=_across(answers_only, wide))
    return _long(result, [field.name for field in known.values()], answers_only)


def _bare(theirs: str) -> str:
    """The file's name of a column without the hint that may follow it."""
    return next((theirs.removesuffix(f", {hint}") for hint in HINTS if theirs.endswith(f", {hint}")), theirs)


def _no_question(path: Path, header: Sequence[str], mapping: Mapping[str, str]) -> FileProblem:
    listed = ", ".join(repr(name) for name in header[:30])
    guess = {**mapping}
    for ours, pattern in _LIKELY.items():
        free = [name for name in header if name not in map(_bare, guess.values())]
        match = next((name for name in free if re.fullmatch(pattern, name, re.IGNORECASE)), None)
        if match is not None and ours not in guess:
            guess[ours] = match
    found = any(kind in guess for kind in KINDS)
    return FileProblem(
        path,
        f"no column is said to be a question of the survey; its columns are {listed}",
        remedy="perhaps map them so" if found else "map nps, csat or ces to the column of that question",
        columns=[guess] if found else (),
    )


def _checked(path: Path, result: FileRead) -> FileRead:
    """A long file as it was read, refused if the scores of a kind were given on another scale."""
    for kind, (low, high) in {"NPS": (0, 10), "CSAT": (1, 5), "CES": (1, 7)}.items():
        scores = result.frame.loc[result.frame["kind"] == kind, "score"].to_numpy(float, na_value=np.nan)
        if what := other_scale(scores, low, high):
            raise FileProblem(path, f"{kind}: {what}", column="score", remedy="rescale these scores, or leave them out")
    return result


def _across(answers_only: bool, wide: Mapping[str, str]) -> Any:
    """The reasons that only several columns of a row show."""

    def reasons(frame: Mapping[str, pd.Series[Any]]) -> Array:
        said = [values.notna() for name, values in frame.items() if _is_answer(name)]
        answer, at = np.logical_or.reduce(said), frame["answered_at"]
        nothing = Reason("answers no question", None, "leave such rows out, or map sent_at, which says who was asked")
        undated = Reason(f"{_bare(wide['answered_at'])} is empty, and there is an answer", None, "fill in the moment")
        early = Reason("was answered before it was sent", None, "correct the dates, or map other columns")
        found = np.full(len(at), None, dtype=object)
        if answers_only:
            found[~answer] = nothing
        else:
            found[answer & at.isna().to_numpy()] = undated
            found[(at < frame["sent_at"]).to_numpy()] = early
        return found

    return reasons


def _is_answer(name: str) -> bool:
    return name in KINDS or name == "comment" or bool(RATING.fullmatch(name))


def _long(result: FileRead, order: Sequence[str], answers_only: bool) -> FileRead:
    """One row an answer of what was read as one row a person."""
    wide = result.frame.copy()
    notes = list(result.notes)
    if "customer_id" not in wide:
        wide["customer_id"] = [f"row {number}" for number in range(1, len(wide) + 1)]
        notes.append(
            "no column is mapped to customer_id: every row counts as a customer of its own; where the same people "
            "answered more than once, intervals are too narrow"
        )
    asked = [name for name in KINDS if name in wide]
    given = wide[asked].notna().to_numpy()
    first = np.where(given.any(axis=1), given.argmax(axis=1), 0)
    once = [name for name in map(str, wide) if name == "comment" or RATING.fullmatch(name)]
    of_answers = [name for name in ("answered_at", *REPLY) if name in wide]
    parts = []
    for number, name in enumerate(asked):
        part = wide.drop(columns=asked).assign(kind=KINDS[name], score=wide[name])
        if "feedback_id" in wide and number:
            part["feedback_id"] += f" {name}"
        part.loc[first != number, once] = None
        answered = given[:, number] | ((first == number) & ~given.any(axis=1))
        part.loc[~answered, of_answers] = None
        parts.append(part[answered | (not answers_only)].assign(row=np.flatnonzero(answered | (not answers_only))))
    frame = pd.concat(parts).sort_values("row", kind="stable").drop(columns="row").reset_index(drop=True)
    frame["kind"] = pd.Categorical(frame["kind"], list(KINDS.values()))
    if "feedback_id" not in frame:
        frame["feedback_id"] = np.arange(1, len(frame) + 1)
    counts = ", ".join(f"{int(given[:, i].sum()):,} to {name}" for i, name in enumerate(asked))
    notes.append(f"one column a question: {len(wide):,} rows hold {int(given.sum()):,} scores, {counts}")
    if partial := int((given.any(axis=1) & ~given.all(axis=1)).sum()):
        rows = "1 row leaves" if partial == 1 else f"{partial:,} rows leave"
        notes.append(f"{rows} out a question, and {'has' if partial == 1 else 'have'} no score there")
    if answers_only:
        notes.append("the file holds answers only (no sent_at): who was asked and did not answer cannot be seen")
    leading = ["feedback_id", "customer_id", "kind", "sent_at", "answered_at", "score"]
    columns = [name for name in (*leading, *(name for name in order if name not in leading)) if name in frame]
    return result._replace(frame=frame[columns], notes=tuple(notes))
