"""The books of a points programme: from its entries to lots, balances and what became of every point.

The rules, on one page.

1. Books are kept by the day. Of the entries of one day, points are added first, then used, and at the end of the day
   those expire whose last day it was. So the order of entries within a day does not matter.
2. What adds points (``earn``, or ``adjust`` above 0) is a lot. Points are used from the lot that expires first and,
   where that is equal, was issued first: first in, first out. Lots without an ``expires_at`` come last.
3. An entry that takes more points than are left is set aside whole, so that no balance is ever negative; a claw-back
   of points that have expired is the usual case. Of two on one day that fit only alone, ``redeem`` goes before
   ``adjust``, and the smaller ``entry_id`` first. A lot booked after older points expired is a lot like any other.
4. An entry that comes twice, alike, counts once. One number with two contents is an error.
5. Expiry is either *booked*: the ledger's own ``expire`` entries count, and the balance is the sum of the entries; or
   *derived* from ``expires_at``, and ``expire`` entries are left alone. `reconcile` shows where the two differ.

How it is fast: within a customer, lots that expire in the order in which they were issued are used up from one end.
So a single number says all: the points that are gone, C = R + X, used R plus expired X, and X by a day is the running
maximum of E - R, points whose last day has come less points used by then. Customers of whom that is not so (a lot
overtakes another, or an entry is set aside) go through a queue, entry by entry.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

KINDS = ("earn", "redeem", "expire", "adjust")
EARN, REDEEM, EXPIRE, ADJUST = range(4)
COLUMNS = ("entry_id", "customer_id", "booked_at", "kind", "points")
_BITS = 16
NEVER = 2**_BITS - 1
"""The last day of a lot that does not expire, in days since 1970: in the year 2149."""
_BLOCK = 500_000  # entries that are sorted at once
OVERDRAWN = "takes more points than are left"
REASONS = (
    "",
    "has no customer",
    "has no date from 1970 to 2149",
    "has no whole number of points",
    "is of a kind that is not earn, redeem, expire or adjust",
    "has the wrong sign: earn adds points, redeem and expire take them",
    "expires before it was booked",
)


@dataclass(frozen=True)
class Books:
    """What became of every point, at the end of one day.

    Attributes:
        as_of: the day.
        expiry: ``"booked"`` or ``"derived"``; see the module.
        customers: one row a customer: ``customer_id``, ``issued``, ``redeemed``, ``adjusted`` (taken away by hand),
            ``expired``, ``balance``. In each row, issued = redeemed + adjusted + expired + balance.
        lots: one row an entry that added points: ``entry_id``, ``customer_id``, ``issued_on``, ``expires_on`` (its
            last day), ``issued``, ``redeemed``, ``adjusted``, ``expired``, ``left``; by customer and day.
        uses: which points of which lot went where: ``lot`` (row of ``lots``), ``customer_id``, ``issued_on``,
            ``used_on``, ``kind`` (redeem, adjust, expire), ``points``.
        set_aside: entries that are not in the books, as they were given, with ``reason``.
        replays: rows that repeat an entry, and were counted once.
    """

    as_of: pd.Timestamp
    expiry: str
    customers: pd.DataFrame
    lots: pd.DataFrame
    uses: pd.DataFrame
    set_aside: pd.DataFrame
    replays: int

    @property
    def outstanding(self) -> int:
        """Points that customers hold."""
        return int(self.customers["balance"].sum())

    def __str__(self) -> str:
        n = len(self.set_aside)
        aside = f"; {n:,} {'entry' if n == 1 else 'entries'} set aside" if n else ""
        return (
            f"{self.as_of:%Y-%m-%d}: {self.outstanding:,} points held by {int((self.customers['balance'] > 0).sum()):,}"
            f" customers, of {int(self.customers['issued'].sum()):,} issued{aside}"
        )


class _Rows(NamedTuple):
    """Entries as numbers, in the order in which their books do not depend on their order."""

    customer: Ints
    day: Ints
    kind: Ints
    points: Ints
    last: Ints  # the last day of a lot; without meaning for what takes points
    row: Ints  # of the entry, in the order of ids


class _Ledger(NamedTuple):
    """A ledger that was looked at."""

    rows: _Rows
    customers: pd.Index
    frame: pd.DataFrame
    as_of: int
    expiry: str
    reasons: pd.Series  # of the frame's rows that are set aside
    replays: int


def _days(moments: pd.Series, name: str) -> Ints:
    """Days since 1970, by the calendar of the column's own time zone; the smallest number where it is missing."""
    if not pd.api.types.is_datetime64_any_dtype(moments) and moments.notna().any():
        try:
            moments = pd.to_datetime(moments)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"column {name!r} holds {moments.dtype}, not dates: convert it with pd.to_datetime"
            ) from error
    elif not pd.api.types.is_datetime64_any_dtype(moments):
        moments = pd.to_datetime(moments)
    if getattr(moments.dt, "tz", None) is not None:
        moments = moments.dt.tz_localize(None)
    return moments.to_numpy().astype("datetime64[D]").astype(np.int64)


def _moments(days: Ints) -> npt.NDArray[np.datetime64]:
    return days.astype("datetime64[D]").astype("datetime64[s]")


def _collected(entries: Any) -> pd.DataFrame:
    """The ledger's own columns as a pandas frame."""
    frame = nw.from_native(entries)
    names = frame.collect_schema().names()
    lacking = [name for name in COLUMNS if name not in names]
    if lacking:
        raise ValueError(f"the ledger has no column {lacking[0]!r}; it has {', '.join(names)}")
    wanted = [*COLUMNS, *(name for name in ("expires_at",) if name in names)]
    if isinstance(entries, pd.DataFrame):
        return entries[wanted].reset_index(drop=True)
    collected: pd.DataFrame = frame.lazy().select(wanted).collect().to_pandas()
    return collected


def _as_day(as_of: Any) -> int | None:
    if as_of is None:
        return None
    when = pd.Timestamp(as_of)
    if pd.isna(when):
        raise ValueError("as_of is missing: give a date, or leave it out for the last entry's")
    when = when if when.tz is None else when.tz_localize(None)
    return int(when.to_datetime64().astype("datetime64[D]").astype(np.int64))


def _two_contents(entry: Any) -> str:
    return (
        f"entry {entry} is in the ledger with two different contents: find out which is right, and give the other a "
        "number of its own or leave it out"
    )


def _once(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Each entry once; an error where one number has two contents."""
    if frame["entry_id"].isna().any():
        row = int(np.flatnonzero(frame["entry_id"].isna())[0])
        raise ValueError(f"column 'entry_id' is missing in row {row} (counted from 0): number the entries first")
    again = frame["entry_id"].duplicated(keep="first")
    if not again.any():
        return frame, 0
    alike = frame.duplicated(keep="first")
    if (again & ~alike).any():
        twice = frame.loc[again & ~alike, "entry_id"].iloc[0]
        raise ValueError(_two_contents(twice))
    return frame[~again].reset_index(drop=True), int(again.sum())


def _look(entries: Any, as_of: Any, expiry: str | None) -> _Ledger:
    if expiry not in (None, "booked", "derived"):
        raise ValueError(f"expiry must be 'booked', 'derived' or None, not {expiry!r}")
    frame, replays = _once(_collected(entries))
    if frame.empty:
        raise ValueError("the ledger is empty: there are no books to keep")
    ids = frame["entry_id"].to_numpy()
    by = np.arange(len(ids)) if len(ids) < 2 or (ids[1:] > ids[:-1]).all() else np.argsort(ids, kind="stable")
    codes, kinds = pd.factorize(frame["kind"])
    known = {name: code for code, name in enumerate(KINDS)}
    of = np.array([*(known.get(str(name), -1) for name in kinds), -1], dtype=np.int64)
    kind = of[codes]
    missing_day = np.datetime64("NaT", "D").astype(np.int64)
    day = _days(frame["booked_at"], "booked_at")
    last = np.full(len(frame), missing_day) if "expires_at" not in frame else _days(frame["expires_at"], "expires_at")
    last = np.where(last == missing_day, NEVER, last)
    if not pd.api.types.is_numeric_dtype(frame["points"]):
        raise ValueError(f"column 'points' holds {frame['points'].dtype}, not numbers: convert it with pd.to_numeric")
    amount = frame["points"].to_numpy(dtype=np.float64, na_value=np.nan)
    whole = np.isfinite(amount) & (amount == np.floor(amount)) & (np.abs(amount) < 2**53)
    points = np.where(whole, amount, 0).astype(np.int64)
    wrong = np.select(
        [
            frame["customer_id"].isna().to_numpy(),
            (day < 0) | (day > NEVER),
            ~whole,
            kind < 0,
            ((kind == EARN) & (points < 0)) | (((kind == REDEEM) | (kind == EXPIRE)) & (points > 0)),
            (points > 0) & (last < day),
        ],
        range(1, len(REASONS)),
        0,
    )
    good = wrong == 0
    until = _as_day(as_of)
    if until is None:
        until = int(day[good].max()) if good.any() else 0
    if expiry is None:
        expiry = "booked" if (good & (kind == EXPIRE)).any() else "derived"
    in_books = good & (day <= until) & (points != 0)
    if expiry == "derived":
        in_books &= kind != EXPIRE
    by = by[in_books[by]]
    customer, customers = pd.factorize(frame["customer_id"].to_numpy()[by], sort=True)
    rows = _Rows(customer.astype(np.int64), day[by], kind[by], points[by], np.minimum(last[by], NEVER), by)
    reasons = pd.Series(np.array(REASONS, dtype=object)[wrong[~good]], index=np.flatnonzero(~good), dtype="str")
    return _Ledger(rows, pd.Index(customers), frame, until, expiry, reasons, replays)


class _Posted(NamedTuple):
    """Lots and uses as numbers. ``lot`` of a use is a position in the lots."""

    lot_row: Ints  # of the entry
    lot_customer: Ints
    lot_day: Ints
    lot_last: Ints
    lot_points: Ints
    use_lot: Ints
    use_day: Ints
    use_kind: Ints
    use_points: Ints


def _sorted_lots(rows: _Rows) -> _Rows:
    """Lots by customer, day, last day, id."""
    lots = np.flatnonzero(rows.points > 0)
    key = (((rows.customer[lots] << _BITS) + rows.day[lots]) << _BITS) + rows.last[lots]
    by = np.argsort(key, kind="stable")
    # what is in the key is read from it in sequence, which is faster than to pick it row by row
    key, lots = key[by], lots[by]
    day, last = (key >> _BITS) & NEVER, key & NEVER
    return _Rows(key >> (2 * _BITS), day, np.broadcast_to(EARN, len(by)), rows.points[lots], last, rows.row[lots])


def _sorted_removals(rows: _Rows) -> _Rows:
    """What takes points, by customer, day, kind (redeem, adjust, expire) and id."""
    taken = np.flatnonzero(rows.points < 0)
    rank = np.array([0, 0, 2, 1])[rows.kind[taken]]
    key = (((rows.customer[taken] << _BITS) + rows.day[taken]) << 2) + rank
    by = np.argsort(key, kind="stable")
    key, taken = key[by], taken[by]
    day, kind = (key >> 2) & NEVER, np.array([REDEEM, ADJUST, EXPIRE])[key & 3]
    return _Rows(key >> (_BITS + 2), day, kind, rows.points[taken], day, rows.row[taken])


def _post(rows: _Rows, n: int, as_of: int, derive: bool) -> tuple[_Posted, Bools]:
    """The books of all customers of whom one running number says all, and a mark at those of whom it does not."""
    lots, taken = _sorted_lots(rows), _sorted_removals(rows)
    of_lot, of_taken = lots.customer << _BITS, taken.customer << _BITS
    wild = np.zeros(n, bool)
    overtakes = (lots.customer[1:] == lots.customer[:-1]) & (lots.last[1:] < lots.last[:-1])
    wild[lots.customer[1:][overtakes]] = True

    ends = np.cumsum(lots.points)
    base = np.concatenate([[0], ends])[np.searchsorted(lots.customer, np.arange(n))]  # where each customer's lots begin
    used = -np.cumsum(taken.points)
    used_by = np.concatenate([[0], used])
    used_base = used_by[np.searchsorted(taken.customer, np.arange(n))]
    own_used = used - used_base[taken.customer]

    # expiry: X is the running maximum, customer by customer, of E - R
    lapsed = np.flatnonzero(lots.last <= as_of) if derive else np.empty(0, dtype=np.int64)
    who = lots.customer[lapsed]
    issued = ends[lapsed] - base[who]
    by_then = used_by[np.searchsorted(of_taken + taken.day, (who << _BITS) + lots.last[lapsed], side="right")]
    by_then = by_then - used_base[who]
    gone = np.maximum(issued - by_then, 0)
    step = int(gone.max(initial=0)) + 1
    if n * step >= 2**62:
        raise ValueError("the points of a customer are too many to count: are they in the unit that you think?")
    gone = np.maximum.accumulate(gone + who * step) - who * step if len(who) else gone
    first = np.ones(len(who), bool)
    first[1:] = who[1:] != who[:-1]
    before = np.concatenate([[0], gone[:-1]]) if len(gone) else gone
    expired = gone - np.where(first, 0, before)

    # where each use ends on the customer's line of points, and whether that many were ever issued
    position = np.concatenate([[0], gone])
    at = np.searchsorted((who << _BITS) + lots.last[lapsed], of_taken + taken.day, side="left")
    reached = np.where(at > 0, position[at] * (who[np.maximum(at, 1) - 1] == taken.customer), 0) if len(who) else 0
    use_end = own_used + reached
    known = np.concatenate([[0], ends])[np.searchsorted(of_lot + lots.day, of_taken + taken.day, side="right")]
    wild[taken.customer[use_end > known - base[taken.customer]]] = True

    tame = ~wild[taken.customer]
    lapse = np.flatnonzero((expired > 0) & ~wild[who])
    end = np.concatenate([(use_end + base[taken.customer])[tame], (gone + by_then + base[who])[lapse]])
    points = np.concatenate([-taken.points[tame], expired[lapse]])
    day = np.concatenate([taken.day[tame], lots.last[lapsed[lapse]]])
    kind = np.concatenate([taken.kind[tame], np.full(len(lapse), EXPIRE)])
    start = end - points
    one = np.searchsorted(ends, start, side="right")
    pieces = np.searchsorted(ends, end, side="left") - one + 1
    use = np.repeat(np.arange(len(end)), pieces)
    lot = np.repeat(one, pieces) + np.arange(len(use)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = np.minimum(end[use], ends[lot]) - np.maximum(start[use], ends[lot] - lots.points[lot])
    keep = np.flatnonzero(~wild[lots.customer])
    place = np.cumsum(~wild[lots.customer]) - 1
    posted = _Posted(
        lots.row[keep], lots.customer[keep], lots.day[keep], lots.last[keep], lots.points[keep],
        place[lot], day[use], kind[use], share,
    )  # fmt: skip
    return posted, wild


def _queue(rows: _Rows, as_of: int, derive: bool) -> tuple[_Posted, list[int]]:
    """The books entry by entry, and the rows of the entries that take more than there is."""
    lots, taken = _sorted_lots(rows), _sorted_removals(rows)
    aside: list[int] = []
    uses: list[tuple[int, int, int, int]] = []
    left = lots.points.tolist()
    heap: list[tuple[int, int]] = []
    key = np.concatenate([(lots.customer << _BITS) + lots.day, (taken.customer << _BITS) + taken.day])
    later = np.repeat([0, 1], [len(lots.day), len(taken.day)])
    events = np.lexsort((later, key)).tolist()
    customer, lasts = np.concatenate([lots.customer, taken.customer]).tolist(), lots.last.tolist()
    days, amounts = np.concatenate([lots.day, taken.day]).tolist(), (-taken.points).tolist()
    kinds, n, now, balance = taken.kind.tolist(), len(left), -1, 0

    def expire(before: int) -> int:
        gone = 0
        while derive and heap and heap[0][0] < before:
            last, lot = heapq.heappop(heap)
            if left[lot]:
                uses.append((lot, last, EXPIRE, left[lot]))
                gone += left[lot]
                left[lot] = 0
        return gone

    for event in events:
        if customer[event] != now:
            expire(as_of + 1)
            heap.clear()
            now, balance = customer[event], 0
        balance -= expire(days[event])
        if event < n:
            heapq.heappush(heap, (lasts[event], event))
            balance += left[event]
            continue
        amount = amounts[event - n]
        if amount > balance:
            aside.append(int(taken.row[event - n]))
            continue
        balance -= amount
        while amount:
            lot = heap[0][1]
            part = min(amount, left[lot])
            if part:
                uses.append((lot, days[event], kinds[event - n], part))
            left[lot] -= part
            amount -= part
            if not left[lot]:
                heapq.heappop(heap)
    expire(as_of + 1)
    table = np.array(uses, dtype=np.int64).reshape(-1, 4)
    of_use = table[:, 0], table[:, 1], table[:, 2], table[:, 3]
    return _Posted(lots.row, lots.customer, lots.day, lots.last, lots.points, *of_use), aside


def _both(tame: _Posted, rest: _Posted) -> _Posted:
    """The books of two sets of customers as one, by customer."""
    shifted = rest._replace(use_lot=rest.use_lot + len(tame.lot_row))
    joined = _Posted(*(np.concatenate(pair) for pair in zip(tame, shifted, strict=True)))
    by = np.argsort(joined.lot_customer, kind="stable")
    place = np.empty(len(by), dtype=np.int64)
    place[by] = np.arange(len(by))
    row, customer, day, last, points = (column[by] for column in joined[:5])
    return joined._replace(
        lot_row=row, lot_customer=customer, lot_day=day, lot_last=last, lot_points=points,
        use_lot=place[joined.use_lot],
    )  # fmt: skip


def _posted(ledger: _Ledger) -> tuple[_Posted, list[int]]:
    """The books, some customers at a time, so that what is sorted stays small however long the ledger is."""
    rows, derive, n = ledger.rows, ledger.expiry == "derived", len(ledger.customers)
    size = max(-(-n // max(len(rows.points) // _BLOCK, 1)), 1)
    parts: list[_Posted] = []
    aside: list[int] = []
    lots = 0
    for first in range(0, max(n, 1), size):
        own = rows
        if size < n:
            some = np.flatnonzero((rows.customer >= first) & (rows.customer < first + size))
            own = _Rows(*(column[some] for column in rows))
            own = own._replace(customer=own.customer - first)
        posted, wild = _post(own, min(size, n - first), ledger.as_of, derive)
        if wild.any():
            rest, short = _queue(_Rows(*(column[wild[own.customer]] for column in own)), ledger.as_of, derive)
            posted, aside = _both(posted, rest), aside + short
        parts.append(posted._replace(lot_customer=posted.lot_customer + first, use_lot=posted.use_lot + lots))
        lots += len(posted.lot_row)
    return _Posted(*(np.concatenate(columns) for columns in zip(*parts, strict=True))), aside


def _per(index: Ints, posted: _Posted, n: int) -> dict[str, Ints]:
    """Points used, by kind, summed by an index of the uses."""
    sums = {}
    for name, kind in (("redeemed", REDEEM), ("adjusted", ADJUST), ("expired", EXPIRE)):
        rows = posted.use_kind == kind
        sums[name] = np.bincount(index[rows], posted.use_points[rows], minlength=n).astype(np.int64)
    return sums


def keep_books(entries: Any, *, as_of: Any = None, expiry: str | None = None) -> Books:
    """Keep the books of a points programme: what became of every point, at the end of a day.

    Args:
        entries: one row an entry with ``entry_id``, ``customer_id``, ``booked_at`` (a date or moment), ``kind`` (earn,
            redeem, expire, adjust), ``points`` (whole, above 0 if added) and, where points expire, ``expires_at`` (the
            last day on which they can be used). In pandas, Polars, PyArrow, DuckDB or another engine of Narwhals.
        as_of: the day; later entries do not count. Default: the day of the last entry.
        expiry: ``"booked"`` to take the ledger's own ``expire`` entries, ``"derived"`` to work it out from
            ``expires_at``. Default: booked if there is such an entry.

    Returns:
        The books. Whatever is wrong with an entry, it is in ``set_aside`` with the reason.

    Raises:
        ValueError: if a column is missing or of the wrong type, the ledger is empty, or one ``entry_id`` stands for two
            different entries; the message names it.

    Source: the rules are those of the module; the running maximum is the reflection of a queue (Lindley 1952).

    Example:
        >>> entries = pd.DataFrame({
        ...     "entry_id": [1, 2, 3], "customer_id": [7, 7, 7], "kind": ["earn", "earn", "redeem"],
        ...     "booked_at": pd.to_datetime(["2024-01-05", "2024-06-05", "2024-07-01"]), "points": [100, 50, -30],
        ...     "expires_at": pd.to_datetime(["2025-01-04", "2025-06-04", None]),
        ... })
        >>> keep_books(entries, as_of="2025-02-01").customers.iloc[0].tolist()
        [7, 150, 30, 0, 70, 50]
    """
    ledger = _look(entries, as_of, expiry)
    posted, aside = _posted(ledger)
    names, lots_n = ledger.customers, len(posted.lot_row)
    lot_uses = _per(posted.use_lot, posted, lots_n)
    lots = pd.DataFrame(
        {
            "entry_id": ledger.frame["entry_id"].to_numpy()[posted.lot_row],
            "customer_id": names.to_numpy()[posted.lot_customer],
            "issued_on": _moments(posted.lot_day),
            "expires_on": _moments(posted.lot_last),
            "issued": posted.lot_points,
            **lot_uses,
            "left": posted.lot_points - sum(lot_uses.values()),
        }
    )
    lots.loc[posted.lot_last == NEVER, "expires_on"] = pd.NaT
    who = posted.lot_customer[posted.use_lot]
    uses = pd.DataFrame(
        {
            "lot": posted.use_lot,
            "customer_id": names.to_numpy()[who],
            "issued_on": _moments(posted.lot_day[posted.use_lot]),
            "used_on": _moments(posted.use_day),
            "kind": pd.Categorical.from_codes(posted.use_kind, pd.Index(KINDS)),
            "points": posted.use_points,
        }
    )
    reasons = pd.concat([ledger.reasons, pd.Series(OVERDRAWN, index=aside, dtype="str")]).sort_index()
    set_aside = ledger.frame.loc[reasons.index].assign(reason=reasons).reset_index(drop=True)
    return Books(
        pd.Timestamp(_moments(np.array([ledger.as_of]))[0]),
        ledger.expiry,
        _customer_table(ledger, posted),
        lots,
        uses,
        set_aside,
        ledger.replays,
    )


def _customer_table(ledger: _Ledger, posted: _Posted) -> pd.DataFrame:
    n = len(ledger.customers)
    issued = np.bincount(posted.lot_customer, posted.lot_points, minlength=n).astype(np.int64)
    sums = _per(posted.lot_customer[posted.use_lot], posted, n)
    return pd.DataFrame(
        {"customer_id": ledger.customers, "issued": issued, **sums, "balance": issued - sum(sums.values())}
    )


# ---------------------------------------------------------------------------------------------------------------------
# Balances without lots, in the engine of the ledger
# ---------------------------------------------------------------------------------------------------------------------


def balances(entries: Any, *, as_of: Any = None, expiry: str | None = None) -> pd.DataFrame:
    """What each customer holds at the end of a day, without the lots that `keep_books` makes.

    A ledger in Polars, DuckDB or another engine with window functions stays there; what comes out is one row a
    customer, and the entries of those few customers who must go through the queue.

    Args:
        entries: as for `keep_books`.
        as_of: the day; default: the day of the last entry.
        expiry: as for `keep_books`.

    Returns:
        One row a customer, by customer: ``customer_id``, ``issued``, ``redeemed``, ``adjusted``, ``expired``,
        ``balance``, as in `Books.customers`.

    Raises:
        ValueError: as for `keep_books`.

    Example:
        >>> entries = pd.DataFrame({"entry_id": [1, 2], "customer_id": 1, "kind": ["earn", "redeem"],
        ...     "booked_at": pd.to_datetime(["2024-01-01", "2024-06-01"]), "points": [100, -80]})
        >>> balances(entries)["balance"].tolist(), balances(entries, as_of="2024-05-31")["balance"].tolist()
        ([20], [100])
    """
    frame = nw.from_native(entries)
    if _has_windows(frame):
        return _balances_in_engine(frame.lazy(), entries, as_of, expiry)
    ledger = _look(entries, as_of, expiry)
    return _customer_table(ledger, _posted(ledger)[0])


def _has_windows(frame: Any) -> bool:
    """Whether an engine can go through each customer's entries in sequence, and the columns are of fit types."""
    if frame.implementation.is_pandas_like() or frame.implementation in (
        nw.Implementation.PYARROW,
        nw.Implementation.DASK,
    ):
        return False
    schema = frame.collect_schema()
    days = [schema[name] for name in ("booked_at", "expires_at") if name in schema]
    return (
        all(name in schema for name in COLUMNS)
        and all(isinstance(kind, (nw.Date, nw.Datetime)) for kind in days)
        and schema["points"].is_integer()
    )


def _rows_in_engine(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Entries that count, by the rules of `_look`: days as dates, and a far day for lots that never expire."""
    schema = frame.collect_schema()

    def day(name: str) -> nw.Expr:
        moment = nw.col(name)
        kind = schema[name]
        if isinstance(kind, nw.Datetime) and kind.time_zone is not None:
            moment = moment.dt.replace_time_zone(None)
        return moment.cast(nw.Date)

    far = nw.lit(date(2999, 12, 31))
    last = day("expires_at") if "expires_at" in schema else nw.lit(None, nw.Date)
    rows = frame.select(
        "entry_id",
        "customer_id",
        day=day("booked_at"),
        kind=nw.col("kind").cast(nw.String),
        points=nw.col("points").cast(nw.Int64),
        last=last,
    )
    kind, points = nw.col("kind"), nw.col("points")
    signed = (
        ((kind == "earn") & (points >= 0)) | (kind.is_in(["redeem", "expire"]) & (points <= 0)) | (kind == "adjust")
    )
    timely = nw.col("last").is_null() | (nw.col("last") >= nw.col("day")) | (points <= 0)
    dated = (nw.col("day") >= nw.lit(date(1970, 1, 1))) & (nw.col("day") <= nw.lit(date(2149, 6, 6)))
    known = dated & ~(nw.col("customer_id").is_null() | points.is_null() | kind.is_null())
    return rows.filter(known & signed & timely).with_columns(last=nw.col("last").fill_null(far))


def _first_value(frame: nw.LazyFrame[Any]) -> Any:
    """The only number of a frame."""
    return frame.collect().to_pandas().iloc[0, 0]


def _balances_in_engine(frame: nw.LazyFrame[Any], entries: Any, as_of: Any, expiry: str | None) -> pd.DataFrame:
    if expiry not in (None, "booked", "derived"):
        raise ValueError(f"expiry must be 'booked', 'derived' or None, not {expiry!r}")
    names = [name for name in (*COLUMNS, "expires_at") if name in frame.collect_schema().names()]
    counts = frame.select(n=nw.len(), ids=nw.col("entry_id").n_unique(), missing=nw.col("entry_id").is_null().sum())
    n, ids, missing = (int(number) for number in counts.collect().to_pandas().fillna(0).iloc[0])
    if n == 0 or missing:
        _look(entries, as_of, expiry)  # which says what is wrong
    if ids < n:
        frame = frame.select(*names).unique()
        again = frame.group_by("entry_id").agg(n=nw.len()).filter(nw.col("n") > 1).sort("entry_id").head(1)
        found = again.collect().to_pandas()
        if len(found):
            raise ValueError(_two_contents(found["entry_id"].iloc[0]))
    rows = _rows_in_engine(frame)
    until = _as_day(as_of)
    if until is None:
        last_day = _first_value(rows.select(nw.col("day").max()))
        until = _as_day(last_day) if not pd.isna(last_day) else 0
    day = pd.Timestamp(_moments(np.array([until]))[0]).date()
    if expiry is None:
        booked = _first_value(rows.select((nw.col("kind") == "expire").sum().fill_null(0)))
        expiry = "booked" if booked else "derived"
    rows = rows.filter((nw.col("day") <= nw.lit(day)) & (nw.col("points") != 0))
    if expiry == "derived":
        rows = rows.filter(nw.col("kind") != "expire")
    zero, points = nw.lit(0, nw.Int64), nw.col("points")
    lots, taken = rows.filter(points > 0), rows.filter(points < 0)
    before = nw.col("last").shift(1).over("customer_id", order_by=["day", "last"])
    parts = [
        lots.select(
            "customer_id", "day", "kind", rank=nw.lit(0, nw.Int64), added=points, used=zero, lapsed=zero,
            wild=(nw.col("last") < before).fill_null(False),
        ),
        taken.select(
            "customer_id", "day", "kind", rank=nw.lit(1, nw.Int64), added=zero, used=-points, lapsed=zero,
            wild=nw.lit(False),
        ),
    ]  # fmt: skip
    if expiry == "derived":
        gone = lots.filter(nw.col("last") <= nw.lit(day))
        parts.append(
            gone.select(
                "customer_id", nw.col("last").alias("day"), "kind", rank=nw.lit(2, nw.Int64), added=zero, used=zero,
                lapsed=points, wild=nw.lit(False),
            )
        )  # fmt: skip
    order = ["day", "rank"]
    events = nw.concat(parts).with_columns(
        nw.col(name).cum_sum().over("customer_id", order_by=order).alias(f"{name}_by")
        for name in ("added", "used", "lapsed")
    )
    short = (nw.col("lapsed_by") - nw.col("used_by")).cum_max().over("customer_id", order_by=order)
    events = events.with_columns(gone=nw.max_horizontal(short, zero))
    overdrawn = (nw.col("rank") == 1) & (nw.col("used_by") + nw.col("gone") > nw.col("added_by"))
    used, kind = nw.col("used"), nw.col("kind")
    table = (
        events.with_columns(wild=nw.col("wild") | overdrawn)
        .group_by("customer_id")
        .agg(
            issued=nw.col("added").sum().cast(nw.Int64),
            redeemed=nw.when(kind == "redeem").then(used).otherwise(0).sum().cast(nw.Int64),
            adjusted=nw.when(kind == "adjust").then(used).otherwise(0).sum().cast(nw.Int64),
            expired=(nw.when(kind == "expire").then(used).otherwise(0).sum() + nw.col("gone").max()).cast(nw.Int64),
            wild=nw.col("wild").any(),
        )
        .collect()
        .to_pandas()
    )
    wild = table.pop("wild").to_numpy(dtype=bool)
    table["balance"] = table["issued"] - table[["redeemed", "adjusted", "expired"]].sum(axis=1)
    if wild.any():
        some = frame.select(*names).filter(nw.col("customer_id").is_in(table.loc[wild, "customer_id"].tolist()))
        rest = _look(some.collect().to_pandas(), day, expiry)
        table = pd.concat([table[~wild], _customer_table(rest, _posted(rest)[0])], ignore_index=True)
    return table.sort_values("customer_id", ignore_index=True)


def reconcile(entries: Any, *, as_of: Any = None) -> pd.DataFrame:
    """Hold the expiries that a ledger books against those that follow from its ``expires_at``.

    A few points apart is no error where a programme books by the hour: points used in the evening of the day on whose
    noon others expired are taken from those here, because all of a day's use comes before the end of the day.

    Args:
        entries: as for `keep_books`.
        as_of: the day; default: the day of the last entry.

    Returns:
        One row a customer of whom the two differ: ``customer_id``, ``booked``, ``derived``, ``difference`` (booked
        minus derived), the largest difference first.

    Example:
        >>> entries = pd.DataFrame({"entry_id": [1, 2], "customer_id": 1, "kind": ["earn", "expire"],
        ...     "booked_at": pd.to_datetime(["2024-01-01", "2024-06-01"]), "points": [100, -80],
        ...     "expires_at": pd.to_datetime(["2024-05-31", None])})
        >>> reconcile(entries)[["booked", "derived", "difference"]].to_numpy().tolist()
        [[80, 100, -20]]
    """
    both = [
        balances(entries, as_of=as_of, expiry=expiry).set_index("customer_id")["expired"].rename(expiry)
        for expiry in ("booked", "derived")
    ]
    table = pd.concat(both, axis=1).fillna(0).astype("int64").rename_axis("customer_id").reset_index()
    table["difference"] = table["booked"] - table["derived"]
    table = table[table["difference"] != 0]
    return table.iloc[np.argsort(-table["difference"].abs().to_numpy(), kind="stable")].reset_index(drop=True)


def points_over_time(books: Books, *, every: str = "MS") -> pd.DataFrame:
    """The whole programme, period by period.

    Args:
        books: made by `keep_books`.
        every: the periods: ``"D"`` days, ``"MS"`` months, ``"QS"`` quarters.

    Returns:
        One row a period, those without movement too: ``at`` (its first day), ``issued``, ``redeemed``, ``adjusted``,
        ``expired`` (in it), ``outstanding`` (at its end).

    Raises:
        ValueError: if ``every`` is none of these.

    Example:
        >>> entries = pd.DataFrame({"entry_id": [1, 2], "customer_id": 1, "kind": ["earn", "redeem"],
        ...     "booked_at": pd.to_datetime(["2024-01-01", "2024-02-01"]), "points": [100, -80]})
        >>> points_over_time(keep_books(entries))["outstanding"].tolist()
        [100, 20]
    """
    units = {"D": "D", "MS": "M", "QS": "Q"}
    if every not in units:
        raise ValueError(f"every must be one of {', '.join(units)}, not {every!r}")
    if books.lots.empty:
        raise ValueError("no points were ever issued: there is nothing to follow")
    issued = books.lots.groupby(books.lots["issued_on"].dt.to_period(units[every]))["issued"].sum()
    periods = pd.period_range(issued.index.min(), books.as_of.to_period(units[every]), name="at")
    table = pd.DataFrame({"at": periods.to_timestamp(), "issued": issued.reindex(periods, fill_value=0).to_numpy()})
    for name, kind in (("redeemed", "redeem"), ("adjusted", "adjust"), ("expired", "expire")):
        uses = books.uses[books.uses["kind"] == kind]
        points = uses.groupby(uses["used_on"].dt.to_period(units[every]))["points"].sum()
        table[name] = points.reindex(periods, fill_value=0).to_numpy()
    table["outstanding"] = (table["issued"] - table[["redeemed", "adjusted", "expired"]].sum(axis=1)).cumsum()
    return table
