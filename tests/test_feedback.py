"""Feedback: scores with intervals, comparisons, changes since the last run, and who did not answer."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from engines import ENGINES, to_engine
from hypothesis import given, settings
from hypothesis import strategies as st

from crkit import company
from crkit import feedback as fb
from crkit.feedback_response import _joined, _logistic
from crkit.feedback_scores import _holm

TABLES = ["customers", "orders", "contacts", "feedback"]


def covers(lower: Any, truth: Any, upper: Any) -> float:
    return float(np.mean((np.asarray(lower) <= truth) & (truth <= np.asarray(upper))))


def answers(rng: np.random.Generator, companies: int, people: int, kind: str) -> pd.DataFrame:
    """Companies whose customers answer once to a few times, each in a mood of their own."""
    n = companies * people
    who = np.repeat(np.arange(n), 1 + rng.poisson(0.4, n))
    x = 0.5 + rng.standard_normal(n)[who] + rng.standard_normal(len(who))
    low, high = fb.KINDS[kind]
    middle, step = {"NPS": (7.7, 1.3), "CSAT": (3.6, 1.0), "CES": (5.0, 1.2)}[kind]
    score = np.clip(np.round(middle + step * x), low, high).astype(int)
    return pd.DataFrame({"customer_id": who, "company": who // people, "score": score})


@pytest.fixture(scope="module")
def big() -> company.Company:
    return company.simulate(20_000, seed=5, tables=TABLES)


@pytest.fixture(scope="module")
def small() -> company.Company:
    return company.simulate(800, seed=2, tables=TABLES)


# From counts ---------------------------------------------------------------------------------------------------------


def test_nps_has_the_variance_of_three_shares() -> None:
    one = fb.nps(162, 108, 54)
    assert one.estimate == pytest.approx(100 / 3)
    assert (one.se / 100) ** 2 * 324 == pytest.approx(1 / 2 + 1 / 6 - (1 / 2 - 1 / 6) ** 2)
    assert round(one.se, 2) == 4.14


def test_the_nps_interval_is_a_wald_interval_with_three_answers_more() -> None:
    values = np.repeat([100.0, 0.0, -100.0], [8, 5, 2])
    weights = np.ones(15)
    values, weights = np.append(values, [100, 0, -100]), np.append(weights, [0.75, 1.5, 0.75])
    middle = np.average(values, weights=weights)
    margin = 1.959964 * np.sqrt(np.average((values - middle) ** 2, weights=weights) / weights.sum())
    one = fb.nps(8, 5, 2)
    assert (one.lower, one.upper) == pytest.approx((middle - margin, middle + margin), abs=1e-5)


def test_csat_has_wilsons_interval() -> None:
    one = fb.csat(81, 263)
    assert (one.lower, one.upper) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_ces_has_students_interval() -> None:
    values = [7, 6, 5, 6, 2, 7, 4]
    one = fb.ces(values)
    margin = 2.446912 * np.std(values, ddof=1) / math.sqrt(7)  # of the tables, 6 degrees of freedom
    assert (one.lower, one.upper) == pytest.approx((37 / 7 - margin, 37 / 7 + margin), abs=1e-5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fb.nps(0, 0, 0), "somebody must have answered"),
        (lambda: fb.nps(3, -1, 0), "counts"),
        (lambda: fb.csat(1, 0), "nobody answered"),
        (lambda: fb.csat(5, 4), "counts from 0 to n"),
        (lambda: fb.ces([7]), "at least two answers"),
        (lambda: fb.ces([7, 8]), "from 1 to 7"),
        (lambda: fb.answers_needed(0), "margin must be above 0"),
        (lambda: fb.nps(1, 1, 1, level=1.0), "between 0 and 1"),
    ],
)
def test_impossible_counts_get_a_sentence(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


@given(st.floats(0.5, 30), st.floats(0.05, 0.9), st.floats(1, 3))
def test_so_many_answers_give_the_margin_and_one_less_does_not(margin: float, share: float, effect: float) -> None:
    variance = 1e4 * share * (1 - share)
    n = fb.answers_needed(margin, variance, design_effect=effect)
    assert 1.959963985 * math.sqrt(variance * effect / n) <= margin * (1 + 1e-9)
    assert n == 1 or 1.959963984 * math.sqrt(variance * effect / (n - 1)) > margin * (1 - 1e-9)


# From answers --------------------------------------------------------------------------------------------------------


def test_one_answer_a_customer_gives_the_textbook() -> None:
    score = [9] * 50 + [10] * 31 + [7] * 20 + [8] * 20 + [3] * 10 + [6] * 10
    for frame in (pd.DataFrame({"score": score}), pd.DataFrame({"score": score, "customer_id": range(141)})):
        row = fb.scores(frame).table.iloc[0]
        textbook = fb.nps(81, 40, 20)
        assert tuple(row[["estimate", "se", "lower", "upper", "answers"]]) == pytest.approx(tuple(textbook))
        assert tuple(row[["promoters", "passives", "detractors"]]) == (81, 40, 20)
        assert row["design_effect"] == pytest.approx(1)
    stars = pd.DataFrame({"score": [5] * 30 + [4] * 51 + [1] * 182})
    assert tuple(fb.scores(stars, "CSAT").table.loc[0, ["estimate", "se", "lower", "upper", "answers"]]) == (
        pytest.approx(tuple(fb.csat(81, 263)))
    )
    ease = pd.DataFrame({"score": [7, 6, 5, 6, 2, 7, 4, 4, 5, 7, 1]})
    found = fb.scores(ease, "CES").table.loc[0, ["estimate", "se", "lower", "upper", "answers"]]
    assert tuple(found) == pytest.approx(tuple(fb.ces(ease["score"])))


@pytest.mark.parametrize("kind", ["NPS", "CSAT", "CES"])
def test_the_error_of_repeated_answers_is_that_of_leaving_out_each_customer(kind: str) -> None:
    """The jackknife is another way to the same number."""
    made = answers(np.random.default_rng(3), 1, 150, kind)
    row = fb.scores(made, kind).table.iloc[0]
    worth = {"NPS": 100.0 * ((made["score"] >= 9) * 1.0 - (made["score"] <= 6)), "CSAT": (made["score"] >= 4) * 1.0}
    sums = worth.get(kind, made["score"] * 1.0).groupby(made["customer_id"]).agg(["sum", "size"])
    total = sums.sum()
    without = (total["sum"] - sums["sum"]) / (total["size"] - sums["size"])
    assert row["se"] == pytest.approx(math.sqrt(((without - without.mean()) ** 2).sum() * 149 / 150), rel=0.02)
    assert row["design_effect"] > 1.1


def test_repeating_every_answer_adds_nothing() -> None:
    made = pd.DataFrame({"customer_id": range(60), "score": [9, 10, 8, 3, 6, 10] * 10})
    once, twice = (fb.scores(frame).table.iloc[0] for frame in (made, pd.concat([made, made])))
    shown = ["estimate", "se", "lower", "upper", "customers"]
    assert tuple(twice[shown]) == pytest.approx(tuple(once[shown]))
    assert twice["design_effect"] == pytest.approx(2)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_scores(small: company.Company, engine: str) -> None:
    feedback = small.feedback.assign(site=small.feedback["owner"])
    feedback.loc[::7, "customer_id"] = None
    given_ = to_engine(feedback, engine)
    for more in ({"by": ["site", "account"], "customers": small.customers}, {"every": "month"}):
        expected, found = fb.scores(feedback, **more), fb.scores(given_, **more)
        pd.testing.assert_frame_equal(found.table, expected.table)
        assert expected.table["answers"].sum() == (feedback["score"].notna() & (feedback["kind"] == "NPS")).sum()
    expected_rates = fb.response_rates(feedback, by="site")
    pd.testing.assert_frame_equal(fb.response_rates(given_, by="site"), expected_rates)


def test_groups_and_periods_are_those_of_pandas(small: company.Company) -> None:
    own = small.feedback[(small.feedback["kind"] == "NPS") & small.feedback["score"].notna()]
    value = 100.0 * ((own["score"] >= 9).astype(int) - (own["score"] <= 6))
    account = own["customer_id"].map(small.customers.set_index("customer_id")["account"]).astype(str)
    quarter = own["answered_at"].dt.year.astype(str) + "-Q" + own["answered_at"].dt.quarter.astype(str)
    expected = value.groupby([account, quarter]).agg(["mean", "size"])
    found = fb.scores(small.feedback, by="account", customers=small.customers, every="quarter", least=1)
    found_table = found.table.set_index(["account", "period"])
    assert found_table["estimate"].to_numpy() == pytest.approx(expected["mean"].to_numpy())
    assert found_table["answers"].tolist() == expected["size"].tolist()
    assert found_table["group"].iloc[-1] == "private, 2025-Q4"
    people = own["customer_id"].groupby([account, quarter]).nunique()
    assert found_table["customers"].tolist() == people.tolist()


def test_a_customer_who_answers_twice_in_a_quarter_is_one_customer() -> None:
    at = pd.to_datetime(["2025-01-10", "2025-03-10"] * 20)
    made = pd.DataFrame(
        {"customer_id": np.repeat(range(20), 2), "answered_at": at, "score": np.repeat([10, 0] * 10, 2)}
    )
    row = fb.scores(made, every="quarter").table.iloc[0]
    assert (row["period"], row["answers"], row["customers"]) == ("2025-Q1", 40, 20)
    assert row["se"] == pytest.approx(100 / math.sqrt(20))


def test_a_group_with_four_answers_says_so() -> None:
    made = pd.DataFrame({"shop": ["old"] * 40 + ["new"] * 4, "score": [9, 8, 10, 3] * 11})
    found = fb.scores(made, by="shop")
    new = found.table.set_index("shop").loc["new"]
    assert new["small"] and math.isnan(new["estimate"]) and math.isnan(new["upper"])
    assert new["note"] == "only 4 answered: too few to say"
    fig = fb.plot_scores(found)
    assert "new: only 4 answered: too few to say" in fig.alt
    assert "1 of 2 groups are too small to say" in fig._suptitle.get_text()
    assert [text.get_text() for text in fig.axes[0].texts if "only 4" in text.get_text()]
    with pytest.raises(ValueError, match="at least two groups"):
        fb.compare(found)


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        ({"score": [11.0] * 4}, {}, "NPS goes from 0 to 10"),
        ({"score": [0.0] * 4}, {"kind": "CES"}, "CES goes from 1 to 7"),
        ({"score": [None] * 4}, {}, "nobody answered"),
        ({}, {"by": "segment"}, "no column 'segment'"),
        ({}, {"every": "week"}, "every must be one of"),
        ({}, {"every": "month"}, "no column 'answered_at'"),
        ({"answered_at": ["today"] * 4}, {"every": "month"}, "not moments"),
        ({}, {"kind": "stars"}, "kind must be one of"),
        ({}, {"by": "plan", "customers": pd.DataFrame({"customer_id": [1, 1], "plan": "a"})}, "twice"),
        ({}, {"by": "plan", "customers": pd.DataFrame({"plan": ["a"]})}, "need the column 'customer_id'"),
    ],
)
def test_bad_feedback_gets_a_sentence(change: dict[str, Any], more: dict[str, Any], said: str) -> None:
    made = pd.DataFrame({"customer_id": range(4), "score": [9.0, 8, 7, 6]}).assign(**change)
    with pytest.raises(ValueError, match=said):
        fb.scores(made, **{"kind": "NPS", **more})


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 10)), min_size=1, max_size=60), st.randoms())
def test_scores_do_not_depend_on_the_order_of_rows(rows: list[tuple[int, int]], chance: Any) -> None:
    made = pd.DataFrame(rows, columns=["customer_id", "score"])
    mixed = list(rows)
    chance.shuffle(mixed)
    one, other = (fb.scores(pd.DataFrame(r, columns=made.columns), least=1).table.iloc[0] for r in (rows, mixed))
    assert tuple(one[3:8]) == pytest.approx(tuple(other[3:8]))
    assert -100 <= one["lower"] <= one["upper"] <= 100 and one["design_effect"] >= 1


@pytest.mark.parametrize(("kind", "people"), [("NPS", 12), ("NPS", 60), ("CSAT", 12), ("CSAT", 60), ("CES", 60)])
def test_intervals_cover_although_customers_answer_more_than_once(kind: str, people: int) -> None:
    rng = np.random.default_rng(people)
    truth = fb.scores(answers(rng, 1, 100_000, kind), kind).table["estimate"][0]
    found = fb.scores(answers(rng, 3000, people, kind), kind, by="company").table
    assert 0.93 <= covers(found["lower"], truth, found["upper"]) <= 0.97


def test_without_the_customers_the_intervals_are_too_short() -> None:
    rng = np.random.default_rng(1)
    truth = fb.scores(answers(rng, 1, 100_000, "NPS")).table["estimate"][0]
    made = answers(rng, 1500, 60, "NPS")
    found = fb.scores(made.drop(columns="customer_id"), by="company").table
    assert covers(found["lower"], truth, found["upper"]) < 0.925


def test_intervals_cover_in_many_companies_like_kittiwake(big: company.Company) -> None:
    """20,000 customers are 333 companies of 60; the truth is that of all who would answer."""
    made = big.feedback.assign(company=(big.feedback["customer_id"] - 1) // 60)
    made = made[made["company"] < 333]
    found = fb.scores(made, by="company").table
    assert 0.92 <= covers(found["lower"], fb.scores(made).table["estimate"][0], found["upper"]) <= 0.98
    rates = fb.response_rates(made, by="company")
    assert 0.92 <= covers(rates["lower"], fb.response_rates(made)["rate"][0], rates["upper"]) <= 0.985


def test_the_bootstrap_agrees_with_the_formula_and_covers() -> None:
    rng = np.random.default_rng(4)
    truth = fb.scores(answers(rng, 1, 100_000, "NPS")).table["estimate"][0]
    made = fb.scores(answers(rng, 150, 80, "NPS"), by="company")
    again = fb.bootstrap(made, draws=400)
    assert (again["se"] / made.table["se"]).mean() == pytest.approx(1, abs=0.02)
    assert 0.91 <= covers(again["lower"], truth, again["upper"]) <= 0.985
    pd.testing.assert_frame_equal(again, fb.bootstrap(made, draws=400))


def test_the_bootstrap_draws_customers_not_answers() -> None:
    made = pd.DataFrame({"customer_id": np.repeat(range(50), 4), "score": np.repeat([10, 0] * 25, 4)})
    found = fb.scores(made)
    assert fb.bootstrap(found, draws=4000)["se"][0] == pytest.approx(100 / math.sqrt(50), rel=0.05)


# Comparing -----------------------------------------------------------------------------------------------------------


def test_holms_steps() -> None:
    assert _holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_two_groups_apart_are_compared_as_two_samples() -> None:
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"shop": ["a"] * 70 + ["b"] * 90, "score": rng.integers(0, 11, 160)})
    found = fb.compare(fb.scores(made, by="shop")).iloc[0]
    from scipy.special import stdtr, stdtrit

    value = 100.0 * ((made["score"] >= 9) * 1.0 - (made["score"] <= 6))
    a, b = value[:70].var() / 70, value[70:].var() / 90
    freedom = (a + b) ** 2 / (a**2 / 69 + b**2 / 89)
    gap, se = value[:70].mean() - value[70:].mean(), math.sqrt(a + b)
    margin = stdtrit(freedom, 0.975) * se
    welch = (2 * stdtr(freedom, -abs(gap) / se), gap - margin, gap + margin)
    assert tuple(found[["p", "lower", "upper"]]) == pytest.approx(welch, rel=1e-9)
    rest = fb.compare(fb.scores(made, by="shop"), to="rest")
    assert rest.loc[0, ["difference", "lower", "upper", "p"]].tolist() == pytest.approx(
        found[["difference", "lower", "upper", "p"]].tolist()
    )


def test_the_rest_is_all_others_together() -> None:
    rng = np.random.default_rng(5)
    made = pd.DataFrame({"shop": rng.choice(list("abc"), 300), "score": rng.integers(0, 11, 300)})
    rest = fb.compare(fb.scores(made, by="shop"), to="rest").set_index("a")
    two = fb.compare(fb.scores(made.assign(shop=np.where(made["shop"] == "b", "b", "z")), by="shop")).iloc[0]
    assert rest.loc["b", ["difference", "se", "p"]].tolist() == pytest.approx(two[["difference", "se", "p"]].tolist())
    against = fb.compare(fb.scores(made, by="shop"), to="b")
    assert against["b"].tolist() == ["b", "b"] and against["a"].tolist() == ["a", "c"]
    with pytest.raises(ValueError, match="no group 'z'"):
        fb.compare(fb.scores(made, by="shop"), to="z")


def test_customers_in_both_periods_make_the_difference_surer_and_it_covers() -> None:
    rng = np.random.default_rng(2)
    companies, people = 130, 60
    mood = rng.standard_normal(companies * people)
    parts = []
    for period, shift in (("last", 0.0), ("now", 0.4)):
        x = 7.6 + shift + 1.5 * mood + rng.standard_normal(len(mood))
        score = np.clip(np.round(x), 0, 10).astype(int)
        who = np.arange(len(mood))
        parts.append(pd.DataFrame({"customer_id": who, "company": who // people, "period": period, "score": score}))
    made = pd.concat(parts)
    truth = fb.compare(fb.scores(made, by="period"))["difference"][0]
    whole = fb.scores(made, by=["company", "period"])
    found, alone = [], []
    for i in range(companies):
        part = dataclasses.replace(
            whole,
            table=whole.table.iloc[2 * i : 2 * i + 2].reset_index(drop=True),
            units=whole.units[whole.units["group"] // 2 == i].assign(group=lambda units: units["group"] % 2),
        )
        found.append(fb.compare(part).iloc[0])
        alone.append(math.hypot(*part.table["se"]))
    table = pd.DataFrame(found)
    assert 0.92 <= covers(table["lower"], truth, table["upper"]) <= 0.985
    assert (table["se"] / alone).mean() < 0.75


def test_among_equal_groups_a_false_finding_is_rare() -> None:
    rng = np.random.default_rng(6)
    whole = fb.scores(pd.DataFrame({"g": np.repeat(np.arange(440), 40), "score": rng.integers(0, 11, 17_600)}), by="g")
    false, uncorrected = [], []
    for i in range(110):
        part = dataclasses.replace(
            whole,
            table=whole.table.iloc[4 * i : 4 * i + 4].reset_index(drop=True),
            units=whole.units[whole.units["group"] // 4 == i].assign(group=lambda units: units["group"] % 4),
        )
        found = fb.compare(part)
        false.append(found["differs"].any())
        uncorrected.append((found["p"] < 0.05).any())
    assert np.mean(false) <= 0.08 < 0.12 < np.mean(uncorrected)


def test_changes_of_two_runs() -> None:
    before = pd.DataFrame({"shop": ["a", "b"], "estimate": [30.0, 10.0], "se": [4.0, 3.0], "answers": [300, 200]})
    now = pd.DataFrame({"shop": ["b", "c"], "estimate": [25.0, 5.0], "se": [4.0, 3.0], "answers": [250, 9]})
    found = fb.changes(before, now, by="shop").set_index("shop")
    assert found.loc["b", ["change", "se"]].tolist() == [15.0, 5.0] and not found.loc["b", "noise"]
    assert found["note"].tolist() == ["too few answers in this run", "", "too few answers in the last run"]
    assert found.loc["a", "answers_now"] == 0
    fig = fb.plot_changes(found.reset_index())
    assert fig._suptitle.get_text() == "1 of 3 changes since the last run are more than noise"
    with pytest.raises(ValueError, match="hold a group twice"):
        fb.changes(before.drop(columns="shop"), now.drop(columns="shop"))
    with pytest.raises(ValueError, match="no column 'se'"):
        fb.changes(before.drop(columns="se"), now)


@pytest.mark.parametrize("nested", [False, True])
def test_the_change_between_two_runs_covers(nested: bool) -> None:
    rng = np.random.default_rng(7)
    score = rng.choice([3, 7, 9, 10], (1000, 300), p=[0.2, 0.3, 0.3, 0.2])
    tables = []
    for columns in (slice(0, 120), slice(0, 300) if nested else slice(120, 300)):
        part = score[:, columns]
        made = pd.DataFrame({"g": np.repeat(np.arange(1000), part.shape[1]), "score": part.ravel()})
        tables.append(fb.scores(made, by="g").table)
    found = fb.changes(*tables, by="g", nested=nested)
    assert 0.93 <= covers(found["lower"], 0.0, found["upper"]) <= 0.97
    assert found["noise"].mean() == pytest.approx(covers(found["lower"], 0.0, found["upper"]))


# Who did not answer --------------------------------------------------------------------------------------------------


def test_what_is_known_at_sending_does_not_know_the_future(small: company.Company) -> None:
    c = small
    whole = fb.known_at_sending(c.feedback, c.customers, c.orders, c.contacts)
    at = pd.Timestamp("2025-03-01")
    then = fb.known_at_sending(
        c.feedback[c.feedback["sent_at"] <= at].assign(
            answered_at=lambda f: f["answered_at"].where(f["answered_at"] <= at)
        ),
        c.customers,
        c.orders[c.orders["ordered_at"] <= at],
        c.contacts[c.contacts["started_at"] <= at],
    )
    pd.testing.assert_frame_equal(whole.head(len(then)), then)
    assert (whole["feedback_id"] == c.feedback["feedback_id"]).all()
    assert set(whole["last_survey"]) == {"none before", "no answer", "high", "middle", "low"}
    assert "account_review" not in set(whole["trouble"])


def test_what_is_known_of_one_customer() -> None:
    day = pd.Timestamp("2025-01-01")
    asked = pd.DataFrame(
        {
            "feedback_id": [1, 2, 3],
            "customer_id": [7, 7, 8],
            "kind": "NPS",
            "sent_at": [day, day + pd.Timedelta(days=200), day],
            "answered_at": [day + pd.Timedelta(days=1), pd.NaT, pd.NaT],
            "score": pd.array([10, None, None], dtype="Int64"),
        }
    )
    orders = pd.DataFrame({"customer_id": [7, 7], "ordered_at": [day - pd.Timedelta(days=40), day]})
    calls = pd.DataFrame(
        {"customer_id": [7], "started_at": [day - pd.Timedelta(days=5)], "topic": "billing", "initiated_by": "customer"}
    )
    found = fb.known_at_sending(asked, None, orders, calls)
    assert found["last_order"].tolist() == ["within 30 days", "longer ago", "never"]
    assert found["trouble"].tolist() == ["billing", "none", "none"]
    assert found["last_survey"].tolist() == ["none before", "high", "none before"]
    late = asked.assign(answered_at=[day + pd.Timedelta(days=201), pd.NaT, pd.NaT])
    assert fb.known_at_sending(late)["last_survey"].tolist() == ["none before", "no answer", "none before"]


def test_response_rates_leave_out_what_may_still_be_answered() -> None:
    sent = pd.date_range("2025-01-01", periods=40, freq="D")
    made = pd.DataFrame({"customer_id": range(40), "sent_at": sent, "answered_at": sent.where(np.arange(40) % 2 == 0)})
    made["answered_at"] = made["answered_at"] + pd.Timedelta(hours=2)
    found = fb.response_rates(made, wait_days=10).iloc[0]
    assert (found["sent"], found["answered"], found["rate"]) == (30, 15, 0.5)
    with pytest.raises(ValueError, match="no column 'sent_at'"):
        fb.response_rates(made.drop(columns="sent_at"))


def weighed(rng: np.random.Generator, n: int, slope: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Surveys in which answering depends on what is known, and on the score itself by ``slope``."""
    who = rng.integers(0, int(0.7 * n), n)
    old = (rng.random(n) < 0.4)[who]
    firm = (rng.random(n) < 0.3)[who]
    x = rng.standard_normal(n)[who] + rng.standard_normal(n) - 0.9 * old + 0.6 * firm
    score = np.clip(np.round(7.7 + 1.2 * x), 0, 10)
    chance = 1 / (1 + np.exp(-(-0.4 - 1.0 * old + 0.9 * firm + slope * x)))
    answered = rng.random(n) < chance
    sent = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(n), unit="min")
    made = pd.DataFrame({"feedback_id": np.arange(n), "customer_id": who, "sent_at": sent})
    made["answered_at"] = (sent + pd.Timedelta(minutes=1)).where(answered)
    made["score"] = np.where(answered, score, np.nan)
    known = pd.DataFrame({"feedback_id": np.arange(n), "age": np.where(old, "old", "young"), "firm": firm})
    return made, known, pd.DataFrame({"feedback_id": np.arange(n), "score": score, "chance": chance})


def weigh(made: pd.DataFrame, known: pd.DataFrame, truth: pd.DataFrame | None = None) -> fb.Weighted:
    return fb.weighted_scores(made, known, strata=["age", "firm"], truth=truth, wait_days=0)


def test_weights_cover_where_answering_depends_on_what_is_known_only() -> None:
    rng = np.random.default_rng(8)
    truth = float(weigh(*weighed(rng, 100_000, 0.0)).truth or 0)
    found = [weigh(*weighed(rng, 700, 0.0)).table.set_index("method") for _ in range(60)]
    for method in ("post-stratified", "inverse probability", "true chances"):
        rows = pd.DataFrame([table.loc[method] for table in found])
        assert covers(rows["lower"], truth, rows["upper"]) >= 0.9, method
        assert rows["se"].mean() == pytest.approx(rows["estimate"].std(), rel=0.18), method
    naive = pd.DataFrame([table.loc["as answered"] for table in found])
    assert covers(naive["lower"], truth, naive["upper"]) < 0.8


def test_weights_do_not_mend_what_depends_on_the_score_itself() -> None:
    made = weigh(*weighed(np.random.default_rng(9), 15_000, 0.6))
    table = made.table.set_index("method")
    assert made.truth is not None
    assert table.loc["as answered", "estimate"] > table.loc["post-stratified", "lower"] > made.truth + 5
    assert table.loc["true chances", "lower"] <= made.truth <= table.loc["true chances", "upper"]


def test_the_planted_non_response_is_hardly_mended(big: company.Company) -> None:
    known = fb.known_at_sending(big.feedback, big.customers, big.orders, big.contacts)
    columns = ["last_survey", "trouble", "account", "age_group", "last_order"]
    made = fb.weighted_scores(
        big.feedback, known, strata=columns[:2], model=columns, truth=big.survey_truth
    )  # fmt: skip
    table = made.table.set_index("method")["estimate"]
    assert made.truth is not None
    bias = table - made.truth
    assert bias["as answered"] > 30
    assert 0.8 * bias["as answered"] < bias["post-stratified"] < bias["as answered"]
    assert abs(bias["true chances"]) < 4
    assert "had everybody answered" in fb.plot_weighting(made)._suptitle.get_text()
    odds = made.odds.set_index(["column", "value"])["odds"]
    assert odds["age_group", "18-34"] < 1 < odds["age_group", "55+"]


def test_post_stratification_by_hand() -> None:
    score = [10.0] * 12 + [None] * 8 + [0.0] * 10 + [None] * 30
    made = pd.DataFrame({"feedback_id": range(60), "sent_at": pd.Timestamp("2025-01-01"), "score": score})
    made["answered_at"] = pd.Series(pd.Timestamp("2025-01-02"), index=made.index).where(made["score"].notna())
    known = pd.DataFrame({"feedback_id": range(60), "shop": ["a"] * 20 + ["b"] * 40})
    found = fb.weighted_scores(made, known, strata=["shop"], wait_days=0)
    table = found.table.set_index("method")
    assert table["estimate"].tolist() == pytest.approx(
        [100 * 2 / 22, 100 * (20 - 40) / 60, 100 * (20 - 40) / 60], abs=1e-2
    )
    assert table.loc["post-stratified", "effective"] == pytest.approx(60**2 / (20**2 / 12 + 40**2 / 10))
    assert found.cells["rate"].tolist() == [0.6, 0.25]
    # one column with all its values is the same model as strata, so the errors must agree too
    assert table.loc["inverse probability", "se"] == pytest.approx(table.loc["post-stratified", "se"], rel=1e-2)


def test_small_strata_are_joined() -> None:
    cells = pd.Series(["a"] * 30 + ["b"] * 3 + ["c"] * 2 + ["d"] * 12)
    found = _joined(cells, np.ones(47), 10)
    assert found.value_counts().to_dict() == {"a": 30, "all small ones": 17}


def test_the_logistic_regression_is_the_maximum() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(300), rng.standard_normal((300, 2))])
    y = (rng.random(300) < 0.4).astype(float)
    theirs = minimize(lambda b: np.logaddexp(0, x @ b).sum() - y @ (x @ b), np.zeros(3), tol=1e-10).x
    assert _logistic(x, y)[0] == pytest.approx(theirs, abs=1e-4)


def test_a_weight_is_cut_at_five_mean_weights() -> None:
    score = [9.0] * 90 + [None] * 10 + [2.0] + [None] * 99
    made = pd.DataFrame({"feedback_id": range(200), "sent_at": pd.Timestamp("2025-01-01"), "score": score})
    made["answered_at"] = pd.Series(pd.Timestamp("2025-01-02"), index=made.index).where(made["score"].notna())
    known = pd.DataFrame({"feedback_id": range(200), "shop": ["a"] * 100 + ["b"] * 100})
    found = fb.weighted_scores(made, known, strata=["shop"], wait_days=0, least=1)
    row = found.table.set_index("method").loc["inverse probability"]
    mean = (90 * 100 / 90 + 100) / 91
    assert row["trimmed"] == 1
    assert found.weights["inverse_probability"].max() == pytest.approx(fb.TRIM * mean, rel=1e-3)


def test_bad_weighting_gets_a_sentence(small: company.Company) -> None:
    known = fb.known_at_sending(small.feedback, small.customers)
    with pytest.raises(ValueError, match="no column 'shoe_size'"):
        fb.weighted_scores(small.feedback, known, strata=["shoe_size"])
    with pytest.raises(ValueError, match="needs strata"):
        fb.weighted_scores(small.feedback, known, strata=[])
    with pytest.raises(ValueError, match="wait_days"):
        fb.weighted_scores(small.feedback, known, strata=["account"], wait_days=-1)
    with pytest.raises(ValueError, match="nobody answered"):
        fb.weighted_scores(small.feedback.assign(score=None), known, strata=["account"])


@pytest.mark.parametrize("kind", ["NPS", "CSAT", "CES"])
def test_figures_of_scores_say_what_they_show(small: company.Company, kind: str) -> None:
    one = fb.plot_scores(fb.scores(small.feedback, kind))
    assert one._suptitle.get_text().startswith(kind) and len(one.png()) > 5000
    many = fb.scores(small.feedback, kind, by="account", customers=small.customers)
    assert "business" in fb.plot_scores(many).alt
    rates = fb.response_rates(small.feedback, kind, by="account", customers=small.customers)
    assert "% of the surveys were answered" in fb.plot_response(rates)._suptitle.get_text()
