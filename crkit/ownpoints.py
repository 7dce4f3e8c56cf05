"""A points ledger among the reader's own files: what its exports leave out, and what they say twice.

- **Signs.** Where no ``redeem`` or ``expire`` entry has a minus sign, the kind says which way: they take points.
  Otherwise the sign is right, and an entry that contradicts its kind (points taken back after a return, a redemption
  that was cancelled) is read as ``adjust``. Both are noted.
- **Numbers.** Entries without a number of their own take that of their line. Of two with one number the first counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from crkit.ownvalues import BALANCE, Array, Reason, plain_words

TAKEN = ("redeem", "expire")
REPEATED = Reason(
    "repeats an earlier row in every column",
    None,
    "if these are bookings of their own, export their number too, and map entry_id",
)
SAME_ENTRY = Reason("repeats an earlier entry, with its number", None, "exports overlap: export each period once")
SAME_NUMBER = Reason(
    "has the number of an earlier entry and says something else", None, "find out which is right: the first counts"
)


def repeated_numbers(ids: pd.Series[Any], keys: Sequence[tuple[int, ...]], reasons: Array) -> dict[int, Reason]:
    """The rows without a reason that have the number of an earlier such row, with their reason.

    Args:
        ids: the number of each entry.
        keys: what was read in each row; equal for equal rows.
        reasons: for each row the reason not to use it, or None.
    """
    first: dict[Any, int] = {}
    found = {}
    for row in np.flatnonzero(pd.isna(reasons)).tolist():
        earlier = first.setdefault(ids[row], row)
        if earlier != row:
            found[row] = SAME_ENTRY if keys[row] == keys[earlier] else SAME_NUMBER
    return found


def with_signs(kind: pd.Series[Any], points: pd.Series[Any], theirs: str) -> tuple[Any, Any, list[str]]:
    """Kinds and signs that agree, for the rows that are used.

    Args:
        kind: earn, redeem, expire or adjust.
        points: as the file has them.
        theirs: the file's name of the column of points.

    Returns:
        The kinds, the points (negative where points are taken), and what was decided, one sentence each.
    """
    notes = []
    if BALANCE.fullmatch(plain_words(theirs)):
        notes.append(f"{theirs} sounds like a running balance; map the points of each booking instead")
    taken = kind.isin(TAKEN)
    if (points[taken] > 0).any() and not (points[taken] < 0).any():
        points = points.mask(taken, -points)
        notes.append(f"{theirs} has no minus sign where points are redeemed or expire: read as points taken")
        if added := int((points[kind == "adjust"] > 0).sum()):
            entries = "1 adjust entry" if added == 1 else f"{added:,} adjust entries"
            notes.append(
                f"{entries} without a minus sign {'is' if added == 1 else 'are'} read as points added; where one took "
                f"points (a cancellation, say), write a minus sign into {theirs}"
            )
    against = ((kind == "earn") & (points < 0)) | (taken & (points > 0))
    if count := int(against.sum()):
        entries = "1 entry" if count == 1 else f"{count:,} entries"
        notes.append(
            f"{entries} whose sign contradicts the kind (points taken back, a redemption cancelled): read as adjust"
        )
    return kind.mask(against, "adjust"), points, notes
