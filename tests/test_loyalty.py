"""The points ledger: no point lost or counted twice, whatever the entries and in whatever order they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from engines import ENGINES, to_engine
from hypothesis import given, settings
from hypothesis import strategies as st

from crkit import company, loyalty, loyalty_ledger, workbook

FIRST = pd.Timestamp("2024-01-01")


def ledger(*rows: tuple[int, int, int, str, int, int | None]) -> pd.DataFrame:
    """Entries from entry, customer, day, kind, points, last day."""
    frame = pd.DataFrame(rows, columns=["entry_id", "customer_id", "booked_at", "kind", "points", "expires_at"])
    for name in ("booked_at", "expires_at"):
        frame[name] = FIRST + pd.to_timedelta(frame[name].astype("float"), unit="D")
    return frame.astype({"booked_at": "datetime64[us]", "expires_at": "datetime64[us]"})


def day(number: int) -> pd.Timestamp:
    return FIRST + pd.Timedelta(number, unit="D")


# An independent bookkeeper: one customer, one day, one point's purse after the other ----------------------------------


def slow_books(entries: pd.DataFrame, until: int, expiry: str) -> tuple[dict[int, list[int]], set[int]]:
    """For each lot: points issued, redeemed, adjusted, expired, left; and the entries that took too much."""
    entries = entries.drop_duplicates()
    lots: dict[int, list[int]] = {}
    too_much: set[int] = set()
    for _, own in entries.groupby("customer_id"):
        purse: list[list[Any]] = []  # last day, day of issue, entry
        rows = [
            ((r.booked_at - FIRST).days, 10**6 if pd.isna(r.expires_at) else (r.expires_at - FIRST).days, r)
            for r in own.itertuples()
        ]
        for today in range(until + 1):
            for booked, last, row in rows:
                if booked == today and row.points > 0:
                    purse.append([last, booked, row.entry_id])
                    lots[row.entry_id] = [row.points, 0, 0, 0, row.points]
            purse.sort()
            for column, kind in ((1, "redeem"), (2, "adjust"), (3, "expire")):
                if kind == "expire" and expiry == "derived":
                    continue
                takers = [row for booked, _, row in rows if booked == today and row.kind == kind and row.points < 0]
                for row in sorted(takers, key=lambda row: row.entry_id):
                    wanted = -row.points
                    if wanted > sum(lots[entry][4] for _, _, entry in purse):
                        too_much.add(row.entry_id)
                        continue
                    for _, _, entry in purse:
                        part = min(wanted, lots[entry][4])
                        lots[entry][4] -= part
                        lots[entry][column] += part
                        wanted -= part
            if expiry == "derived":
                for last, _, entry in purse:
                    if last == today:
                        lots[entry][3] += lots[entry][4]
                        lots[entry][4] = 0
    return lots, too_much


@st.composite
def ledgers(draw: st.DrawFn, *, tidy: bool = False) -> pd.DataFrame:
    """Entries of a few customers over twelve days; a tidy one has a fixed validity and takes little."""
    rows = []
    validity = draw(st.integers(0, 6))
    for entry in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["earn", "earn", "redeem", "adjust", "expire"]))
        booked = draw(st.integers(0, 11))
        size = draw(st.integers(1, 3 if tidy and kind != "earn" else 9))
        points = size if kind == "earn" else -size
        if kind == "adjust" and draw(st.booleans()):
            points = size
        last = None
        if points > 0:
            last = booked + (validity if tidy else draw(st.integers(0, 8)))
            if not tidy and draw(st.integers(0, 4)) == 0:
                last = None
        rows.append((entry, draw(st.integers(1, 3)), booked, kind, points, last))
    return ledger(*draw(st.permutations(rows)))


@settings(max_examples=150, deadline=None)
@given(st.one_of(ledgers(), ledgers(tidy=True)), st.integers(0, 14), st.sampled_from(["booked", "derived"]))
def test_the_books_are_those_of_the_slow_bookkeeper(entries: pd.DataFrame, until: int, expiry: str) -> None:
    books = loyalty.keep_books(entries, as_of=day(until), expiry=expiry)
    lots, too_much = slow_books(entries, until, expiry)
    found = books.lots.set_index("entry_id")[["issued", "redeemed", "adjusted", "expired", "left"]]
    assert {entry: row.tolist() for entry, row in zip(found.index, found.to_numpy(), strict=True)} == lots
    assert set(books.set_aside["entry_id"]) == too_much
    assert set(books.set_aside["reason"]) <= {"takes more points than are left"}


@settings(max_examples=30, deadline=None)
@given(st.one_of(ledgers(), ledgers(tidy=True)), st.integers(0, 14), st.sampled_from(["booked", "derived"]))
def test_no_point_is_lost_or_counted_twice(entries: pd.DataFrame, until: int, expiry: str) -> None:
    books = loyalty.keep_books(entries, as_of=day(until), expiry=expiry)
    c, lots, uses = books.customers, books.lots, books.uses
    assert (c["balance"] >= 0).all()
    assert (lots["left"] >= 0).all()
    assert (c["issued"] == c[["redeemed", "adjusted", "expired", "balance"]].sum(axis=1)).all()
    by_customer = lots.groupby("customer_id")[["issued", "redeemed", "adjusted", "expired", "left"]].sum()
    by_customer = by_customer.reindex(c["customer_id"], fill_value=0)
    assert (by_customer.to_numpy() == c.set_index("customer_id").to_numpy()).all()
    assert (uses["points"] > 0).all()
    assert uses.groupby("lot")["points"].sum().to_dict() == {
        row: n for row, n in (lots["issued"] - lots["left"]).items() if n
    }
    # every entry is in the books, whole, or set aside
    counted = entries[entries["booked_at"] <= day(until)]
    counted = counted[~counted["entry_id"].isin(books.set_aside["entry_id"])]
    assert counted.loc[counted["points"] > 0, "points"].sum() == c["issued"].sum()
    for kind, name in (("redeem", "redeemed"), ("adjust", "adjusted")):
        taken = counted[(counted["kind"] == kind) & (counted["points"] < 0)]
        assert -taken["points"].sum() == c[name].sum()
    if expiry == "booked":
        assert counted["points"].sum() == c["balance"].sum()


@settings(max_examples=20, deadline=None)
@given(ledgers(), st.randoms(use_true_random=False), st.sampled_from(["booked", "derived"]))
def test_order_hours_and_replays_do_not_matter(entries: pd.DataFrame, chance: Any, expiry: str) -> None:
    books = loyalty.keep_books(entries, expiry=expiry)
    rows = list(range(len(entries)))
    chance.shuffle(rows)
    again = entries.iloc[rows + rows[:3]].reset_index(drop=True)
    twice = loyalty.keep_books(again, expiry=expiry)
    assert twice.replays == min(3, len(entries))
    pd.testing.assert_frame_equal(twice.lots, books.lots)
    pd.testing.assert_frame_equal(twice.customers, books.customers)
    hours = pd.to_timedelta([chance.randrange(24) for _ in rows], unit="h")
    later = loyalty.keep_books(entries.assign(booked_at=entries["booked_at"] + hours), expiry=expiry)
    # a lot whose last day is that of its booking stays good, whatever the hour
    pd.testing.assert_frame_equal(later.lots, books.lots)
    assert len(later.set_aside) == len(books.set_aside)


@settings(max_examples=15, deadline=None)
@given(ledgers(), st.sampled_from(ENGINES), st.sampled_from(["booked", "derived", None]), st.integers(3, 14))
def test_balances_are_the_same_in_every_engine(
    entries: pd.DataFrame, engine: str, expiry: str | None, until: int
) -> None:
    expected = loyalty.keep_books(entries, expiry=expiry, as_of=day(until)).customers
    table = to_engine(pd.concat([entries, entries.head(1)]), engine)
    found = loyalty.balances(table, expiry=expiry, as_of=day(until))
    assert found.to_numpy().tolist() == expected.to_numpy().tolist()
    assert list(found) == list(expected)


@pytest.fixture(scope="module")
def kittiwake() -> pd.DataFrame:
    return company.simulate(1500, seed=3, tables=["points"]).points


def test_the_companys_books_agree_with_its_own(kittiwake: pd.DataFrame) -> None:
    """Booked balances are the sums of the entries; derived ones differ by what was used on the day of an expiry."""
    books = loyalty.keep_books(kittiwake)
    assert books.expiry == "booked"
    assert books.set_aside.empty
    sums = kittiwake.groupby("customer_id")["points"].sum()
    assert books.customers.set_index("customer_id")["balance"].to_dict() == sums.to_dict()
    assert books.outstanding == kittiwake["points"].sum()
    differs = loyalty.reconcile(kittiwake)
    expired = kittiwake[kittiwake["kind"] == "expire"]
    assert len(differs) <= 0.03 * expired["customer_id"].nunique()
    assert differs["difference"].abs().sum() <= 0.02 * -expired["points"].sum()
    used = kittiwake[kittiwake["kind"] == "redeem"]
    same_day = expired.assign(day=expired["booked_at"].dt.date).merge(
        used.assign(day=used["booked_at"].dt.date), on=["customer_id", "day"]
    )
    assert set(differs["customer_id"]) <= set(same_day["customer_id"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("expiry", ["booked", "derived"])
def test_the_companys_books_in_every_engine(kittiwake: pd.DataFrame, engine: str, expiry: str) -> None:
    plain = kittiwake.assign(kind=kittiwake["kind"].astype(str))
    expected = loyalty.keep_books(kittiwake, expiry=expiry)
    found = loyalty.keep_books(to_engine(plain, engine), expiry=expiry)
    pd.testing.assert_frame_equal(found.lots, expected.lots, check_dtype=False)
    balances = loyalty.balances(to_engine(plain, engine), expiry=expiry)
    assert balances.to_numpy().tolist() == expected.customers.to_numpy().tolist()


def test_points_in_time_follow_the_books(kittiwake: pd.DataFrame) -> None:
    books = loyalty.keep_books(kittiwake)
    table = loyalty.points_over_time(books, every="QS")
    assert table["outstanding"].iloc[-1] == books.outstanding
    at = table["at"].iloc[3] - pd.Timedelta(days=1)
    assert table["outstanding"].iloc[2] == loyalty.balances(kittiwake, as_of=at)["balance"].sum()
    assert table[["issued", "redeemed", "expired"]].sum().tolist() == [
        books.customers[name].sum() for name in ("issued", "redeemed", "expired")
    ]
    assert "issued" in loyalty.plot_points(table).alt
    with pytest.raises(ValueError, match="every must be one of D, MS, QS"):
        loyalty.points_over_time(books, every="W")


def test_claw_back_after_expiry_is_set_aside_and_goodwill_after_it_counts() -> None:
    entries = ledger(
        (1, 1, 0, "earn", 100, 5),
        (2, 1, 7, "adjust", -100, None),
        (3, 1, 8, "adjust", 40, 12),
        (4, 1, 9, "redeem", -30, None),
    )
    books = loyalty.keep_books(entries)
    assert books.customers.to_numpy().tolist() == [[1, 140, 30, 0, 100, 10]]
    assert books.set_aside[["entry_id", "reason"]].to_numpy().tolist() == [[2, "takes more points than are left"]]
    assert "1 entry set aside" in str(books)


def test_points_can_be_used_on_their_last_day_and_not_after() -> None:
    entries = ledger((1, 1, 0, "earn", 10, 5), (2, 1, 5, "redeem", -4, None), (3, 1, 6, "redeem", -4, None))
    books = loyalty.keep_books(entries)
    assert books.customers.to_numpy().tolist() == [[1, 10, 4, 0, 6, 0]]
    assert books.set_aside["entry_id"].tolist() == [3]
    two_lots = ledger((1, 1, 0, "earn", 10, 5), (2, 1, 0, "earn", 10, 30), (3, 1, 5, "redeem", -4, None))
    for engine in ENGINES:
        for table, expected in ((entries, [1, 10, 4, 0, 6, 0]), (two_lots, [1, 20, 4, 0, 6, 10])):
            found = loyalty.balances(to_engine(table, engine), expiry="derived", as_of=day(6))
            assert found.to_numpy().tolist() == [expected]


def test_every_wrong_entry_is_set_aside_with_its_reason() -> None:
    entries = ledger(
        (1, 1, 0, "earn", 10, 5), (2, 1, 0, "earn", -10, None), (3, 1, 0, "redeem", 5, None), (4, 1, 3, "earn", 5, 2),
        (5, 1, 0, "gift", 5, None), (6, 2, 0, "earn", 5, None), (7, 1, 0, "earn", 7, None), (8, 1, 1, "earn", 5, 9),
    ).astype({"customer_id": "Int64", "points": "float"})  # fmt: skip
    entries.loc[5, "customer_id"] = pd.NA
    entries.loc[6, "points"] = 7.5
    entries.loc[7, "booked_at"] = pd.NaT
    books = loyalty.keep_books(entries)
    wrong_sign = "has the wrong sign: earn adds points, redeem and expire take them"
    assert books.set_aside.set_index("entry_id")["reason"].to_dict() == {
        2: wrong_sign,
        3: wrong_sign,
        4: "expires before it was booked",
        5: "is of a kind that is not earn, redeem, expire or adjust",
        6: "has no customer",
        7: "has no whole number of points",
        8: "has no date from 1970 to 2149",
    }
    assert books.lots["entry_id"].tolist() == [1]
    same = to_engine(entries.assign(points=entries["points"].round().astype("int64")).drop(index=6), "duckdb")
    assert loyalty.balances(same, as_of=day(3))["issued"].tolist() == [10]


@pytest.mark.parametrize("engine", ENGINES)
def test_one_number_with_two_contents_is_an_error(engine: str) -> None:
    entries = ledger((1, 1, 0, "earn", 10, 5), (2, 1, 0, "earn", 10, 5), (2, 1, 0, "earn", 11, 5))
    table = to_engine(entries, engine)
    for function in (loyalty.keep_books, loyalty.balances):
        with pytest.raises(ValueError, match="entry 2 is in the ledger with two different contents"):
            function(table)


def test_what_cannot_be_books_is_refused() -> None:
    entries = ledger((1, 1, 0, "earn", 10, 5))
    with pytest.raises(ValueError, match="no column 'kind'; it has entry_id"):
        loyalty.keep_books(entries.drop(columns="kind"))
    with pytest.raises(ValueError, match="the ledger is empty"):
        loyalty.keep_books(entries.head(0))
    with pytest.raises(ValueError, match="the ledger is empty"):
        loyalty.balances(to_engine(entries.head(0), "duckdb"))
    with pytest.raises(ValueError, match="expiry must be 'booked', 'derived' or None"):
        loyalty.keep_books(entries, expiry="never")
    with pytest.raises(ValueError, match="column 'points' holds"):
        loyalty.keep_books(entries.assign(points="ten"))
    with pytest.raises(ValueError, match="column 'booked_at' holds"):
        loyalty.keep_books(entries.assign(booked_at="the day after"))
    with pytest.raises(ValueError, match="'entry_id' is missing in row 0"):
        loyalty.keep_books(entries.assign(entry_id=np.nan))


def test_names_time_zones_and_texts_are_read() -> None:
    entries = pd.DataFrame(
        {
            "entry_id": ["b", "a"],
            "customer_id": ["ann", "ann"],
            "booked_at": pd.to_datetime(["2024-02-01 00:30", "2024-01-31 23:30"]).tz_localize("Europe/Berlin"),
            "kind": ["redeem", "earn"],
            "points": [-5, 10],
        }
    )
    books = loyalty.keep_books(entries, as_of="2024-01-31")
    assert books.customers.iloc[0].tolist() == ["ann", 10, 0, 0, 0, 10]
    texts = entries.assign(booked_at=["2024-02-01", "2024-01-31"])
    assert loyalty.keep_books(texts).outstanding == 5
    assert loyalty.balances(to_engine(texts, "duckdb"))["balance"].tolist() == [5]


def test_a_lot_that_ends_in_the_year_9999_never_expires() -> None:
    entries = ledger((1, 1, 0, "earn", 10, None), (2, 1, 1, "earn", 5, 20), (3, 1, 2, "redeem", -6, None))
    far = entries.assign(expires_at=entries["expires_at"].fillna(pd.Timestamp("9999-12-31")))
    for table in (entries, far):
        books = loyalty.keep_books(table, as_of=day(40))
        assert books.lots["left"].tolist() == [9, 0]
        assert books.lots["expires_on"].isna().tolist() == [True, False]
        assert loyalty.balances(to_engine(table, "polars"), as_of=day(40))["balance"].tolist() == [9]


def test_books_kept_a_few_customers_at_a_time_are_the_same(
    kittiwake: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = ledger(
        (10**6, 7, 0, "redeem", -9, None), (10**6 + 1, 900, 0, "earn", 9, 1), (10**6 + 2, 900, 0, "earn", 9, 0)
    )
    entries = pd.concat([kittiwake.astype({"kind": "str"}), odd], ignore_index=True)
    for expiry in ("booked", "derived"):
        whole = loyalty.keep_books(entries, expiry=expiry)
        with monkeypatch.context() as patch:
            patch.setattr(loyalty_ledger, "_BLOCK", 300)
            parts = loyalty.keep_books(entries, expiry=expiry)
        for name in ("customers", "lots", "set_aside"):
            pd.testing.assert_frame_equal(getattr(parts, name), getattr(whole, name))
        by = ["lot", "used_on", "kind", "points"]
        one, other = (books.uses.sort_values(by, ignore_index=True) for books in (parts, whole))
        pd.testing.assert_frame_equal(one, other)


def test_the_input_stays_as_it_was(kittiwake: pd.DataFrame) -> None:
    before = kittiwake.copy()
    loyalty.keep_books(kittiwake)
    pd.testing.assert_frame_equal(kittiwake, before)


def test_the_lesson_holds_no_booked_expiry_against_assumed_days(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[1] / "notebooks" / "09_loyalty.ipynb"
    cell = next(one.source for one in workbook.read(path).cells if "loyalty.reconcile(" in one.source)
    points = company.simulate(200, tables=["points"]).points
    names = {"loyalty": loyalty, "points": points, "books": loyalty.keep_books(points), "display": print}
    exec(cell, {**names, "days_assumed": True})
    assert "no rule to hold it against" in capsys.readouterr().out
    exec(cell, {**names, "days_assumed": False})
    assert "customers differ" in capsys.readouterr().out
