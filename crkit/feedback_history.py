"""The history of runs: what changed since the report before this one.

A report on a survey is run again when new answers have come in. Beside it stands a small CSV file with one row for each
run and kind of question. It is keyed by the data, not by the clock: a run covers the answers after the last moment of
the run before it, up to the last moment in its own file. So

- an answer counts once, in the first run that had enough to say something, whether the new export holds all answers so
  far, the last ninety days, or the new ones only;
- running the same file again replaces its own row, and is compared with the same run as the first time;
- an answer that came to the file late, with a moment that an earlier run had already covered, is not counted anew.

A kind that fewer customers answered than a score takes waits: the next run takes these answers together with its own,
if its file still holds them. A run is compared with all earlier runs together, and the kinds of one run are corrected
for their number (Holm 1979), so that one run in twenty at most tells of a change where there is none.

Runs are taken as independent. Where the same customers answered in several, the interval of the change is rather too
wide than too short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crkit import _files, figures
from crkit.feedback_scores import KINDS, _holm, changes, said, scores

_KEPT = {"data": "str", "kind": "str", "answers": "int64", "customers": "int64"}
_ESTIMATES = ("estimate", "se", "lower", "upper")
_COLUMNS = ("data", "after", "until", "kind", "answers", "customers", *_ESTIMATES)


@dataclass(frozen=True)
class Runs:
    """The runs so far, and what this one adds.

    Attributes:
        table: one row a run and kind: ``data`` (the file), ``after`` and ``until`` (its answers came after the one,
            which is missing for the first run, and not after the other), ``kind``, ``answers``, ``customers``,
            ``estimate``, ``se``, ``lower`` and ``upper`` (missing where fewer customers answered than a score takes;
            such a row is held again by the run of the same kind that had enough).
        changes: one row a kind of this run, made by `crkit.feedback.changes` from all earlier runs together and this
            one, with ``p_holm``, corrected for the number of kinds, by which ``noise`` goes; empty in the first run.
        said: what is new, a sentence each.
    """

    table: pd.DataFrame
    changes: pd.DataFrame
    said: tuple[str, ...]


def record_run(feedback: pd.DataFrame, path: str | Path, *, data: str) -> Runs:
    """Compare this run with those before it, and write it down for the next.

    Args:
        feedback: one row a survey, with ``customer_id``, ``kind``, ``answered_at`` and ``score``.
        path: the history, a CSV file; made if there is none.
        data: the name of the file that was read, to be named in the next report.

    Returns:
        The `Runs`.

    Raises:
        ValueError: if ``feedback`` holds no answer, or if the file is no history of runs.

    Example:
        >>> import tempfile
        >>> from crkit import datasets
        >>> feedback = datasets.load("feedback")
        >>> spring = feedback[feedback["answered_at"] < "2025-06-01"]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first = record_run(spring, Path(folder) / "history.csv", data="may.csv")
        ...     second = record_run(feedback, Path(folder) / "history.csv", data="december.csv")
        >>> first.table["answers"].sum() + second.changes["answers_now"].sum() == feedback["answered_at"].notna().sum()
        np.True_
    """
    path = Path(path)
    answers = feedback[feedback["answered_at"].notna() & feedback["score"].notna()]
    if answers.empty:
        raise ValueError("there is no answer to compare with the last run: score and answered_at are empty")
    until = answers["answered_at"].max().floor("s")
    others = _read(path)
    others = others[others["until"] != until]
    earlier, later = others[others["until"] < until], others[others["until"] > until]
    last = earlier["until"].max() if len(earlier) else None
    new = answers if last is None else answers[answers["answered_at"].dt.floor("s") > last]
    rows = []
    for kind in [kind for kind in KINDS if (new["kind"] == kind).any()]:
        own = answers[answers["kind"] == kind]
        after = _since_enough(own["answered_at"].dt.floor("s"), earlier[earlier["kind"] == kind], last)
        made = scores(own[own["answered_at"].dt.floor("s") > after] if pd.notna(after) else own, kind).table.iloc[0]
        numbers = {name: made[name] for name in ("answers", "customers", *_ESTIMATES)}
        rows.append({"data": data, "after": after, "until": until, "kind": kind, **numbers})
    now = _typed(pd.DataFrame(rows, columns=list(_COLUMNS)))
    before = earlier[earlier["until"] == last]
    moved = _corrected(changes(_together(earlier), now, by="kind")) if len(before) else pd.DataFrame()
    table = pd.concat([others, now]).sort_values(["until", "kind"], kind="stable", ignore_index=True)
    told = [_first(now) if last is None else _since(before, new), *_changed(moved, earlier, now, last)]
    if len(later):
        newest = later["until"].max()
        told.append(f"{path.name} already holds a later run, up to {newest:%d %B %Y}: this one is not added to it.")
        table = others.reset_index(drop=True)
    else:
        _files.write_text(path, table.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%S"))
    return Runs(table, moved, tuple(told))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    moments = {name: pd.to_datetime(table[name]).astype("datetime64[s]") for name in ("after", "until")}
    return table.assign(**moments).astype({**_KEPT, **dict.fromkeys(_ESTIMATES, "float64")})


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        return _typed(pd.DataFrame(columns=list(_COLUMNS)))
    try:
        return _typed(pd.read_csv(path)[list(_COLUMNS)])
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{path.name} is no history of runs, which has the columns {', '.join(_COLUMNS)}: move it away, and the "
            "next run begins a new one"
        ) from error


def _since_enough(moments: pd.Series[Any], earlier: pd.DataFrame, last: Any) -> Any:
    """The moment after which the answers of a kind count now: that of its last run with enough of them.

    It is the last run of all if the file does not hold what waits since then.
    """
    enough = earlier.loc[earlier["estimate"].notna(), "until"].max()
    waiting = earlier[earlier["until"] > enough] if pd.notna(enough) else earlier
    row: dict[str, Any]
    for row in waiting.to_dict("records"):  # type: ignore[assignment]  # its keys are names
        held = moments <= row["until"]
        if pd.notna(row["after"]):
            held &= moments > row["after"]
        if held.sum() < row["answers"]:
            return last
    return waiting["after"].min(skipna=False) if len(waiting) else last


def _together(earlier: pd.DataFrame) -> pd.DataFrame:
    """The scores of all earlier runs together, one row a kind; each run weighs as many answers as it had."""
    known = earlier[earlier["estimate"].notna()]
    weight = known["answers"]
    parts = pd.DataFrame(
        {
            "kind": known["kind"],
            "answers": weight,
            "sum": weight * known["estimate"],
            "var": (weight * known["se"]) ** 2,
        }
    )
    total = parts.groupby("kind", as_index=False).sum()
    return total.assign(estimate=total["sum"] / total["answers"], se=np.sqrt(total["var"]) / total["answers"])


def _corrected(moved: pd.DataFrame) -> pd.DataFrame:
    """The changes of the kinds of this run, corrected for their number."""
    made = moved[moved["answers_now"] > 0].reset_index(drop=True)
    told = (made["note"] == "").to_numpy()
    p = np.full(len(made), np.nan)
    pairs = made.loc[told, ["change", "se"]].to_numpy(np.float64).tolist()
    alone = [math.erfc(abs(change) / (se * math.sqrt(2))) if se > 0 else float(change == 0) for change, se in pairs]
    p[told] = _holm(np.array(alone))
    note = made["note"].replace({"too few answers in the last run": "too few answers in the earlier runs"})
    return made.assign(p_holm=p, noise=~(p < 0.05), note=note)


def _first(now: pd.DataFrame) -> str:
    return f"This is the first run: its {now['answers'].sum():,} answers are what the next run is compared with."


def _since(before: pd.DataFrame, new: pd.DataFrame) -> str:
    run = before.iloc[0]
    return f"Since the last run ({run['data']}, answers up to {run['until']:%d %B %Y}) came {len(new):,} answers."


def _changed(moved: pd.DataFrame, earlier: pd.DataFrame, now: pd.DataFrame, last: Any) -> list[str]:
    told = []
    compared = int((moved["note"] == "").sum()) if len(moved) else 0
    row: dict[str, Any]
    for row in moved.to_dict("records"):  # type: ignore[assignment]  # its keys are names
        kind, old, new = row["kind"], row["answers_before"], row["answers_now"]
        after = now.loc[now["kind"] == kind, "after"].iloc[0]
        since = "" if after == last else f" since {after:%d %B %Y}" if pd.notna(after) else " so far"
        if row["note"]:
            waits = "; they wait for the next run" if row["note"] != "too few answers in the earlier runs" else ""
            told.append(f"{kind}: {row['note']} ({old:,} before, {new:,}{since} now){waits}.")
            continue
        runs = int((earlier["estimate"].notna() & (earlier["kind"] == kind)).sum())
        change, lower, upper = (said(kind, row[name], signed=True) for name in ("change", "lower", "upper"))
        verdict = "more than chance usually does (95 %)"
        if row["noise"]:
            alone = row["lower"] > 0 or row["upper"] < 0
            verdict = f"may be noise, as one of {compared} comparisons" if alone else "may be noise"
        told.append(
            f"{kind}: {said(kind, row['before'])} from {old:,} answers{f' in {runs} runs' if runs > 1 else ''}, now "
            f"{said(kind, row['now'])} from {new:,}{since}: {change} ({lower} to {upper}), {verdict}."
        )
    return told


def plot_runs(runs: Runs, kind: str = "NPS") -> figures.Figure:
    """The scores of all runs so far, each with its interval.

    Args:
        runs: made by `record_run`.
        kind: of the scores.

    Raises:
        ValueError: if fewer than two runs have enough answers of this kind.
    """
    table = runs.table[(runs.table["kind"] == kind) & runs.table["estimate"].notna()]
    if len(table) < 2:
        raise ValueError(f"two runs with enough {kind} answers make a picture; there {_so_far(len(table))} so far")
    scale = 100 if kind == "CSAT" else 1
    values = scale * table["estimate"].to_numpy()
    ends = np.abs(scale * table[["lower", "upper"]].to_numpy().T - values)
    fig, (ax,) = figures.new(size=(8.5, 3.4))
    ax.errorbar(range(len(table)), values, yerr=ends, capsize=4, **{**figures.line(0), "markersize": 7})
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]  # its keys are names
    names = [f"to {row['until']:%d %b %Y}\n{row['answers']:,} answers" for row in rows]
    ax.set_xticks(range(len(table)), names)
    ax.set(ylabel=f"{kind}, 95 % interval", xlim=(-0.5, len(table) - 0.5))
    first, last = (said(kind, table["estimate"].iloc[i]) for i in (0, -1))
    title = f"{kind} over {len(table)} runs: {first} in the first, {last} in the last"
    told = "; ".join(
        f"up to {row['until']:%d %B %Y} {said(kind, row['estimate'])}, from {said(kind, row['lower'])} to "
        f"{said(kind, row['upper'])}"
        for row in rows
    )
    return figures.finish(fig, title=title, alt=f"{kind} of each run with its interval: {told}.")


def _so_far(count: int) -> str:
    return "is one" if count else "is none"
