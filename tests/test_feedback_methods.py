"""Feedback: change or noise, drivers, themes, and closing the loop."""

from __future__ import annotations

import dataclasses
import itertools
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
from crkit.company import MODEL
from crkit.feedback_charts import _sums
from crkit.feedback_themes import _tfidf


def covers(lower: Any, truth: Any, upper: Any) -> float:
    return float(np.mean((np.asarray(lower) <= truth) & (truth <= np.asarray(upper))))


@pytest.fixture(scope="module")
def big() -> company.Company:
    return company.simulate(20_000, seed=4, tables=["feedback"])


@pytest.fixture(scope="module")
def ignored() -> company.Company:
    return company.simulate(2000, seed=1, scenario="ignored_feedback", tables=["feedback", "contacts"])


# Control charts ------------------------------------------------------------------------------------------------------


def test_the_published_xmr_chart() -> None:
    chart = fb.xmr([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
    row = chart.table.iloc[0]
    assert (row["centre"], row["lower"], row["upper"]) == pytest.approx((50.81, 45.8159, 55.8041), abs=5e-5)
    assert chart.table["range_upper"][0] == pytest.approx(3.267 * 16.9 / 9)
    assert chart.first_signal is None and chart.baseline == 10


@pytest.mark.parametrize(
    ("rule", "z", "at"),
    [
        (1, [0, 3.1, 0], [1]),
        (1, [0, -3.1, 2.9], [1]),
        (2, [2.1, 0, 2.2, 0, 0], [2]),
        (2, [2.1, -2.2, 0, 2.2, 0], []),
        (2, [-2.1, -2.5, 0, 0], [1]),
        (3, [1.1, 1.2, 0, 1.3, 1.4, 0.5], [4]),
        (3, [1.1, 1.2, -1.1, 1.3, 0.9], []),
        (4, [0.1] * 9, [7, 8]),
        (4, [0.1] * 7 + [0.0] + [0.1] * 7, []),
        (4, [-0.1] * 8, [7]),
    ],
)
def test_each_rule_alone(rule: int, z: list[float], at: list[int]) -> None:
    assert np.flatnonzero(fb.signals(z)[rule - 1]).tolist() == at
    assert fb.signals([z, z])[rule - 1].sum() == 2 * len(at)


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=40))
def test_the_rules_against_looking_at_each_window(z: list[float]) -> None:
    found = fb.signals(z)
    for rule, (beyond, of, window) in enumerate(((3, 1, 1), (2, 2, 3), (1, 4, 5), (0, 8, 8))):
        for t in range(len(z)):
            seen = z[max(0, t - window + 1) : t + 1]
            sides = [sum(s * v > beyond for v in seen) >= of and s * z[t] > beyond for s in (1, -1)]
            assert found[rule][t] == (any(sides) and len(z) >= window)


def run_length(found: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """Points until the first alarm, counted over all series."""
    hit = found.any(axis=1)
    return float(np.where(hit, found.argmax(axis=1) + 1, found.shape[1]).sum() / hit.sum())


def test_false_alarms_come_as_often_as_published() -> None:
    """Champ and Woodall (1987), table 1; Lucas (1976) for the sums."""
    z = np.random.default_rng(0).standard_normal((2000, 2000))
    rules = fb.signals(z)
    assert run_length(rules[0]) == pytest.approx(370.4, rel=0.06)
    assert run_length(rules[0] | rules[1]) == pytest.approx(225.44, rel=0.06)
    assert run_length(rules[0] | rules[2]) == pytest.approx(166.05, rel=0.06)
    assert run_length(rules[0] | rules[3]) == pytest.approx(152.73, rel=0.06)
    assert run_length(rules.any(axis=0)) == pytest.approx(91.75, rel=0.06)
    up, down = _sums(z[:1000], 0.5)
    assert run_length(np.maximum(up, down) > 4) == pytest.approx(168, rel=0.08)
    assert run_length(np.maximum(up, down) > 5) == pytest.approx(465, rel=0.08)


def test_a_p_chart_by_hand() -> None:
    chart = fb.p_chart([10, 12, 8, 0, 30], [100, 100, 100, 0, 100], list("abcde"), baseline=4)
    sigma = math.sqrt(0.1 * 0.9 / 100)
    assert chart.centre == 0.1 and chart.first_signal == "e"
    assert chart.table["upper"].tolist()[:3] == pytest.approx([0.1 + 3 * sigma] * 3)
    assert chart.table["z"].iloc[4] == pytest.approx(0.2 / sigma)
    assert np.isnan(chart.table.loc[3, ["value", "z"]].tolist()).all() and not chart.table.loc[3, "signal"]
    assert (chart.table["lower"] >= 0).all()


def test_the_first_signal_is_looked_for_after_the_baseline() -> None:
    values = [5.0, 6, 5, 6, 15, 5, 6, 5, 6, 5, 6, 40]
    assert fb.xmr(values, baseline=11).first_signal == 12
    assert fb.xmr(values, baseline=11).table["signal"].iloc[4]
    assert "1 of 1 points after the baseline" in fb.plot_chart(fb.xmr(values, baseline=11)).alt


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fb.xmr([1, 2, np.nan]), "none missing"),
        (lambda: fb.xmr([1, 1, 1]), "all equal"),
        (lambda: fb.xmr([1, 2, 3], baseline=1), "at least 2"),
        (lambda: fb.xmr([1, 2, 3], ["a"]), "3 points and 1 labels"),
        (lambda: fb.p_chart([3, 1], [2, 2]), "one for each n"),
        (lambda: fb.p_chart([0, 0, 1], [5, 5, 5], baseline=2), "no events"),
        (lambda: fb.p_chart([0, 0, 1], [0, 0, 5], baseline=2), "longer baseline"),
        (lambda: fb.cusum([1, 2], h=0), "h above 0"),
        (lambda: fb.change_point([1, 2, 3]), "at least 4"),
        (lambda: fb.change_point([1, 1, 1, 1]), "nothing changed"),
        (lambda: fb.change_point([0, 0, 0, 0], [5] * 4), "nothing changed"),
        (lambda: fb.change_point([6, 0, 0, 0], [5] * 4), "counts from 0 to n"),
        (lambda: fb.false_alarms([1, 2], [3, 3]), "one row a company"),
    ],
)
def test_bad_series_get_a_sentence(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


def test_cusum_adds_up_what_exceeds_the_slack() -> None:
    made = fb.cusum([0.2, 2.5, 0.1, 2.5, 2.5, 2.5], list("abcdef"))
    assert made.table["up"].tolist() == pytest.approx([0, 2, 1.6, 3.6, 5.6, 7.6])
    assert (made.alarm, made.began) == ("e", "b")
    other_way = fb.cusum([-3.0, -3, -3])
    assert (other_way.alarm, other_way.began) == (3, 1)
    assert fb.cusum([0.1] * 50).alarm is None
    assert "stay below the limit" in fb.plot_cusum(fb.cusum([0.1] * 50)).alt


@pytest.mark.parametrize("engine", ENGINES)
def test_weeks_are_counted_alike_in_every_engine(ignored: company.Company, engine: str) -> None:
    calls = ignored.contacts.assign(late=ignored.contacts["topic"] == "delivery")[["started_at", "late", "channel"]]
    for more in ({"flag": "late"}, {"flag": "late", "by": "channel", "start": ignored.starts_at}):
        expected = fb.weekly(calls, "started_at", **more)
        pd.testing.assert_frame_equal(fb.weekly(to_engine(calls, engine), "started_at", **more), expected)


def test_weeks_are_whole_and_none_is_left_out() -> None:
    at = pd.to_datetime(["2025-01-06 09:00", "2025-01-12 23:00", "2025-01-20 00:00", "2025-01-28 12:00", None])
    made = pd.DataFrame({"at": at, "value": [1.0, 3, 5, 7, 9], "flag": [True, False, None, True, True]})
    found = fb.weekly(made, "at", value="value", start="2025-01-06")
    assert found["week"].tolist() == [pd.Timestamp(f"2025-01-{day:02d}") for day in (6, 13, 20)]
    assert found["n"].tolist() == [2, 0, 1] and found["mean"].tolist()[::2] == [2.0, 5.0]
    assert fb.weekly(made, "at", flag="flag", start="2025-01-06")["n"].tolist() == [2, 0, 0]
    assert len(fb.weekly(made, "at", start="2024-12-30", end="2025-02-10")) == 6
    for more, said in (
        ({"flag": "flag", "value": "value"}, "not both"),
        ({"flag": "no"}, "no column 'no'"),
        ({"end": "2025-01-10"}, "not one whole week"),
    ):
        with pytest.raises(ValueError, match=said):
            fb.weekly(made, "at", **more)


def test_the_newest_week_is_whole_and_ends_with_the_last_answer() -> None:
    """A report is about the last week first of all: it is the oldest days that make no week and are left out."""
    days = pd.date_range("2025-06-03 18:00", "2025-06-29 11:00", freq="D")  # 26 days, and an evening
    found = fb.weekly(pd.DataFrame({"at": days, "low": days >= "2025-06-22"}), "at", flag="low")
    assert found["week"].tolist() == [pd.Timestamp(day) for day in ("2025-06-08", "2025-06-15", "2025-06-22")]
    assert found["n"].tolist() == [7, 7, 7] and found["events"].tolist() == [0, 0, 7]


def test_the_week_of_a_change_is_covered() -> None:
    """At least 95 times in a hundred; more often, since weeks are whole."""
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(200):
        first = int(rng.integers(1, 60))
        n = rng.integers(20, 40, 60)
        after = np.arange(60) >= first
        one = fb.change_point(rng.binomial(n, np.where(after, 0.4, 0.2)), n, draws=1)
        other = fb.change_point(rng.normal(np.where(after, 1.0, 0.0), 1), draws=1)
        hits.append((one.lower <= first + 1 <= one.upper, other.lower <= first + 1 <= other.upper))
    assert (np.mean(hits, axis=0) >= 0.93).all()


def test_without_a_change_a_finding_is_rare() -> None:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(150):
        n = rng.integers(5, 40, 40)
        found.append((fb.change_point(rng.binomial(n, 0.2), n, draws=99).p <= 0.05,
                      fb.change_point(rng.normal(size=40), draws=99).p <= 0.05))  # fmt: skip
    assert (np.mean(found, axis=0) <= 0.10).all()


def test_the_chances_of_a_change_are_those_of_beta_and_binomial() -> None:
    from scipy.special import betaln, comb

    x, n = np.array([1, 2, 7, 6]), np.array([10, 9, 10, 8])
    made = fb.change_point(x, n)
    evidence = []
    for t in (1, 2, 3):
        parts = [(x[:t].sum(), n[:t].sum()), (x[t:].sum(), n[t:].sum())]
        evidence.append(math.prod(math.exp(betaln(a + 0.5, b - a + 0.5) - betaln(0.5, 0.5)) for a, b in parts))
    assert made.table["chance"].tolist() == pytest.approx([0, *np.array(evidence) / sum(evidence)])
    assert (made.label, made.before, made.after) == (3, 3 / 19, 13 / 18)
    # so uneven a split by chance: all ways to deal 16 events to 37 places, 19 of them in the first two weeks
    assert comb(19, 3) * comb(18, 13) / comb(37, 16) < made.p < 0.05


def test_the_week_in_which_feedback_was_ignored_is_found(ignored: company.Company) -> None:
    calls = ignored.contacts[ignored.contacts["initiated_by"] == "customer"]
    calls = calls.assign(late=calls["topic"] == "delivery")
    answered = ignored.feedback[ignored.feedback["answered_at"].notna()]
    answered = answered.assign(heard=answered["replied_at"].notna())
    for frame, at, flag, weeks in ((calls, "started_at", "late", 1), (answered, "answered_at", "heard", 3)):
        counted = fb.weekly(frame, at, flag=flag, start=ignored.starts_at, end=ignored.ends_at)
        made = fb.change_point(counted["events"], counted["n"], counted["week"])
        assert made.p < 0.01
        assert made.lower - pd.Timedelta(weeks=1) <= ignored.begins_at <= made.upper + pd.Timedelta(weeks=1)
        assert abs(made.label - ignored.begins_at) <= pd.Timedelta(weeks=weeks)
        chart = fb.p_chart(counted["events"], counted["n"], counted["week"], baseline=60)
        assert abs(chart.first_signal - ignored.begins_at) <= pd.Timedelta(weeks=5)
        assert "the change began" in [
            t.get_text() for t in fb.plot_chart(chart, truth=ignored.begins_at).axes[0].get_legend().texts
        ]
    assert "The level changed" in fb.plot_change(made, truth=ignored.begins_at)._suptitle.get_text()


def test_false_alarms_are_counted_over_quiet_companies(big: company.Company) -> None:
    made = big.feedback.assign(low=big.feedback["score"] <= 6, no=big.feedback["customer_id"] % 40)
    made = made[made["score"].notna()]
    weeks = fb.weekly(made, "answered_at", flag="low", by="no", start="2024-07-01", end="2025-12-29")
    events, n = (weeks[name].to_numpy().reshape(40, -1) for name in ("events", "n"))
    found = fb.false_alarms(events, n).set_index("rule")
    assert found.loc["all four", "alarms"] >= found.loc[["1", "2", "3", "4"], "alarms"].max()
    assert found.loc["all four", "share"] > 0.5 > found.loc["1", "share"] > 0.01
    later = fb.false_alarms(events, n, baseline=30).set_index("rule")
    assert later.loc["1", "per_point"] * 40 * (events.shape[1] - 30) == pytest.approx(later.loc["1", "alarms"])
    quiet = np.random.default_rng(0).binomial(4000, 0.3, (400, 60))
    table = fb.false_alarms(quiet, np.full_like(quiet, 4000)).set_index("rule")
    assert table.loc["1", "per_point"] == pytest.approx(1 / 370.4, rel=0.25)


# Drivers -------------------------------------------------------------------------------------------------------------


def r2(correlation: np.ndarray[Any, np.dtype[np.float64]], chosen: tuple[int, ...]) -> float:
    """R squared by least squares on data that have these correlations."""
    if not chosen:
        return 0.0
    root = np.linalg.cholesky(correlation + 1e-13 * np.eye(len(correlation))).T
    x, y = root[:, list(chosen)], root[:, -1]
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(1 - left @ left / (y @ y))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_shapley_values_are_the_mean_over_all_orders_and_sum_to_r2(seed: int, k: int) -> None:
    x = np.random.default_rng(seed).standard_normal((40, k + 1)) @ np.random.default_rng(seed + 1).random(
        (k + 1, k + 1)
    )
    correlation = np.corrcoef(x.T)
    found = fb.shapley_r2(correlation)
    assert found.sum() == pytest.approx(r2(correlation, tuple(range(k))), abs=1e-6)
    by_order = np.zeros(k)
    for order in itertools.permutations(range(k)):
        for i, j in enumerate(order):
            by_order[j] += r2(correlation, tuple(order[: i + 1])) - r2(correlation, tuple(order[:i]))
    assert found == pytest.approx(by_order / math.factorial(k), abs=1e-6)
    assert (found >= -1e-9).all()


def test_two_predictors_by_the_textbook() -> None:
    """Half of what it explains alone, and half of what it adds to the other."""
    a, b, c = 0.5, 0.3, 0.4
    found = fb.shapley_r2([[1, c, a], [c, 1, b], [a, b, 1]])
    both = (a**2 + b**2 - 2 * a * b * c) / (1 - c**2)
    assert found.tolist() == pytest.approx([(a**2 + both - b**2) / 2, (b**2 + both - a**2) / 2])


def test_the_drivers_of_kittiwake_are_the_planted_ones(big: company.Company) -> None:
    made = fb.drivers(big.feedback, draws=100)
    planted = fb.planted_drivers().set_index("driver")
    assert made.table["driver"].tolist() == [f"rating_{d}" for d in ("delivery", "coffee", "service", "price")]
    table = made.table.set_index("driver")
    assert (table["importance"] - planted["importance"].reindex(table.index)).abs().max() < 0.02
    assert planted["weight"].tolist() == [MODEL.drivers[d] for d in company.DIMENSIONS]
    assert table["importance"].sum() == pytest.approx(1)
    assert table["r2_part"].sum() == pytest.approx(made.r2.estimate)
    assert table.loc["rating_delivery", "first"] == 1
    own = big.feedback.dropna(subset=["rating_price"])
    assert table.loc["rating_price", "correlation"] == pytest.approx(
        own["rating_price"].astype(float).corr(own["score"].astype(float))
    )
    x = own[list(table.index)].astype(float)
    beta = np.linalg.lstsq(
        ((x - x.mean()) / x.std()).to_numpy(),
        ((own["score"].astype(float) - own["score"].mean()) / own["score"].std()).to_numpy(float),
        rcond=None,
    )[0]
    assert table["standardised"].tolist() == pytest.approx(beta.tolist(), abs=1e-6)
    assert "planted" in [t.get_text() for t in fb.plot_drivers(made, fb.planted_drivers()).axes[0].get_legend().texts]
    assert "delivery" in fb.plot_importance_performance(made).alt


def test_the_importance_of_drivers_is_covered(big: company.Company) -> None:
    truth = fb.drivers(big.feedback, draws=2).table.set_index("driver")
    hits = []
    for i in range(50):
        part = big.feedback[(big.feedback["customer_id"] - 1) // 250 == i]
        table = fb.drivers(part, draws=150, seed=i).table.set_index("driver").loc[truth.index]
        for name in ("importance", "standardised", "performance"):
            hits.append(covers(table[f"{name}_lower"], truth[name], table[f"{name}_upper"]))
    assert 0.91 <= np.mean(hits) <= 0.97


def test_the_picture_of_drivers_claims_no_more_than_its_intervals(big: company.Company) -> None:
    made = fb.drivers(big.feedback.head(2000), draws=20)
    for low, high, says in (
        (3.0, 5.0, "cannot tell"),
        (4.0, 4.0, "Rated below the average although"),
        (9, 9, "Nothing"),
    ):
        first = made.table.index == 0
        ends = {"performance": (low + high) / 2, "performance_lower": low, "performance_upper": high}
        rest = {"performance": 4.5, "performance_lower": 4.4, "performance_upper": 4.6}
        columns = {name: np.where(first, ends[name], rest[name]) for name in ends}
        table = made.table.assign(**columns, importance=[0.7, 0.1, 0.1, 0.1])
        table = table.assign(importance_lower=table["importance"] - 0.05, importance_upper=table["importance"] + 0.05)
        figure = fb.plot_importance_performance(dataclasses.replace(made, table=table))
        assert says in figure._suptitle.get_text()


def test_drivers_by_customer_and_with_gaps() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(1, 6, (120, 2)).astype(float)
    made = pd.DataFrame(x, columns=["rating_a", "rating_b"]).assign(
        score=np.round(x.sum(axis=1)), customer_id=range(120)
    )
    one = fb.drivers(made)
    twice = fb.drivers(pd.concat([made, made]))
    assert twice.customers == 120 and twice.answers == 240
    width = one.table["importance_upper"] - one.table["importance_lower"]
    assert width.tolist() == pytest.approx((twice.table["importance_upper"] - twice.table["importance_lower"]).tolist())
    made.loc[:9, "rating_a"] = None
    assert fb.drivers(made).left_out == 10
    assert fb.drivers(to_engine(made, "duckdb")).table.equals(fb.drivers(made).table)
    assert fb.drivers(made.drop(columns="customer_id")).customers == 110
    for change, said in (
        ({"rating_b": 3.0}, "'rating_b' is the same in all"),
        ({"rating_a": None}, "too few for 2 drivers"),
    ):
        with pytest.raises(ValueError, match=said):
            fb.drivers(made.assign(**change))
    with pytest.raises(ValueError, match="at least two ratings"):
        fb.drivers(made, ["rating_a"])
    with pytest.raises(ValueError, match="square correlation matrix"):
        fb.shapley_r2([[1, 2], [3, 4], [5, 6]])


# Themes --------------------------------------------------------------------------------------------------------------


def test_keywords_by_hand() -> None:
    found = fb.keyword_themes(
        pd.Series(
            ["The PARCEL was late, the price a bargain", "Zu teuer!", "Nothing to say", "Price of delivery"],
            index=[4, 2, 9, 1],
        )
    )
    assert found["theme"].tolist() == ["delivery", "price", "none", "price"]
    assert found.index.tolist() == [4, 2, 9, 1]
    assert found.loc[4, "words"] == "parcel, late, price, bargain" and found.loc[4, "delivery"] == 2
    assert fb.keyword_themes(["espresso"], {"x": ("espr",)})["theme"].tolist() == ["x"]
    remarks = ["To be fair, it is a nice shop", "See you later", "It is kind of red", "Der Kaffee!", "Good coffee"]
    assert fb.keyword_themes(remarks)["theme"].tolist() == ["none", "none", "none", "coffee", "coffee"]
    with pytest.raises(ValueError, match="missing"):
        fb.keyword_themes(["a", None])


def test_keywords_find_most_planted_themes_and_topics_fewer(big: company.Company) -> None:
    comments = big.feedback["comment"].dropna()
    truth = company.comment_truth(comments)
    found = fb.quality(fb.keyword_themes(comments)["theme"], truth["theme"]).set_index("theme")
    assert 0.7 < found.loc["all", "f1"] < 0.95
    sarcastic = truth["sarcastic"].to_numpy(bool)
    keywords = fb.keyword_themes(comments)
    worse = fb.quality(keywords["theme"][sarcastic], truth["theme"][sarcastic]).set_index("theme")
    assert worse.loc["all", "recall"] < found.loc["all", "recall"] - 0.1
    english = comments[truth["language"] == "en"].head(1500)
    topics = fb.nmf_topics(english, 10)
    labels = fb.sample_to_label(english, 60)["theme"]
    labels = truth["theme"].reindex(labels.index)
    rest = english.index.difference(labels.index)
    named = fb.name_topics(topics, labels)
    by_topic = fb.quality(named.loc[rest], truth["theme"].loc[rest]).set_index("theme")
    assert 0.45 < by_topic.loc["all", "f1"] < found.loc["all", "f1"]
    fig = fb.plot_quality({"keywords": found.reset_index(), "topics": by_topic.reset_index()})
    assert "Keywords: F1" in fig._suptitle.get_text()


def test_nmf_finds_planted_groups_of_words() -> None:
    rng = np.random.default_rng(0)
    vocabulary = [
        [f"{theme}{chr(97 + i)}{chr(97 + j)}" for i in range(4) for j in range(4)] for theme in ("red", "blue", "green")
    ]
    main = rng.integers(0, 3, 300)
    texts = [" ".join(rng.choice(vocabulary[k], 5)) for k in main]
    made = fb.nmf_topics(texts, 3)
    for topic in range(3):
        assert len(set(main[made.table["topic"] == topic])) == 1
    for words in made.words["words"]:
        assert len({word[:3] for word in words.split(", ")}) == 1
    assert made.words["comments"].sum() == 300
    pd.testing.assert_frame_equal(made.table, fb.nmf_topics(texts, 3).table)


def test_nmf_is_as_good_as_that_of_scikit_learn(big: company.Company) -> None:
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    comments = big.feedback["comment"].dropna().head(400)
    x, words = _tfidf(comments)
    other = TfidfVectorizer(vocabulary=words, token_pattern=r"[^\W\d_]{2,}").fit_transform(comments)
    assert abs(x - other).max() < 1e-12
    theirs = NMF(6, init="nndsvda", max_iter=400, tol=1e-4).fit(x)
    whole = math.sqrt(x.multiply(x).sum())
    assert fb.nmf_topics(comments, 6).error <= theirs.reconstruction_err_ / whole * 1.005
    assert np.asarray(x.multiply(x).sum(axis=1)).ravel().max() == pytest.approx(1)
    assert len(words) == len(set(words)) == fb.nmf_topics(comments, 6).vocabulary


def test_topics_without_words_and_without_names() -> None:
    texts = ["late parcel", "late parcel", "good coffee", "good coffee", "zzz", "late coffee"]
    made = fb.nmf_topics(texts, 2)
    assert made.table["topic"].tolist()[4] == -1 and made.table["strength"].tolist()[4] == 0
    assert fb.name_topics(made, {0: "x"}).tolist().count("none") >= 2
    for n, said in ((0, "1 to 5 topics"), (6, "1 to 5 topics")):
        with pytest.raises(ValueError, match=said):
            fb.nmf_topics(texts, n)
    with pytest.raises(ValueError, match="share too few words"):
        fb.nmf_topics(["aa", "bb", "cc"], 2)


def test_a_sample_to_label_is_drawn_at_random_and_is_the_same_again() -> None:
    comments = pd.Series([f"text {i}" if i % 3 else None for i in range(90)])
    one = fb.sample_to_label(comments, 20, seed=1)
    pd.testing.assert_frame_equal(one, fb.sample_to_label(comments, 20, seed=1))
    assert one["comment"].equals(comments.loc[one.index]) and one["theme"].isna().all()
    counts = sum(
        pd.Series(1, index=fb.sample_to_label(comments, 20, seed=i).index).reindex(range(90), fill_value=0)
        for i in range(200)
    )
    assert counts[comments.isna()].sum() == 0 and counts[comments.notna()].between(35, 100).all()
    with pytest.raises(ValueError, match="from 60 comments"):
        fb.sample_to_label(comments, 61)


def test_quality_by_hand() -> None:
    found = ["a", "a", "a", "b", "none", None]
    right = ["a", "a", "b", "b", "a", "a"]
    table = fb.quality(found, right).set_index("theme")
    assert table.loc["a", ["labelled", "found", "hits"]].tolist() == [3, 3, 2]
    assert table.loc["b", ["precision", "recall", "f1"]].tolist() == pytest.approx([1, 0.5, 2 / 3])
    assert table.loc["all", ["precision", "recall"]].tolist() == pytest.approx([3 / 4, 3 / 5])
    from crkit.intervals import wilson

    lower, upper = (float(end) for end in wilson(2, 3))
    assert table.loc["a", ["precision_lower", "precision_upper"]].tolist() == pytest.approx([lower, upper])
    assert np.isnan(fb.quality(["a"], ["b"]).set_index("theme").loc["b", "precision"])
    with pytest.raises(ValueError, match="2 labels cannot be compared with 1"):
        fb.quality(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no comment has both"):
        fb.kappa([None], ["a"])


def test_the_interval_of_f1_covers() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random((600, 150)) < 0.4
    found = np.where(truth, rng.random(truth.shape) < 0.8, rng.random(truth.shape) < 0.2)
    hits, either = (truth & found).sum(axis=1), (truth | found).sum(axis=1)
    f1 = 2 * 0.32 / (0.4 + 0.32 + 0.12)
    covered = []
    for i in range(120):
        names = {True: "a", False: "none"}
        row = fb.quality([names[v] for v in found[i].tolist()], [names[v] for v in truth[i].tolist()]).iloc[0]
        assert row["f1"] == pytest.approx(2 * hits[i] / (hits[i] + either[i]))
        covered.append(row["f1_lower"] <= f1 <= row["f1_upper"])
    assert 0.90 <= np.mean(covered) <= 0.99


def raters(table: list[list[int]]) -> tuple[list[str], list[str]]:
    a, b = [], []
    for (i, row), j in itertools.product(enumerate(table), range(len(table))):
        a += [str(i)] * row[j]
        b += [str(j)] * row[j]
    return a, b


def test_the_kappa_of_fleiss() -> None:
    """100 diagnoses by two raters: Fleiss, Levin and Paik (2003), kappa .68 with standard error .087."""
    made = fb.kappa(*raters([[75, 1, 4], [5, 4, 1], [0, 0, 10]]))
    assert (made.kappa, made.observed, made.expected, made.n) == pytest.approx((0.23 / 0.34, 0.89, 0.66, 100))
    assert made.se == pytest.approx(0.0877, abs=1e-4)


def test_the_error_of_kappa_is_that_of_leaving_out_each_comment() -> None:
    table = [[44, 5, 6], [10, 30, 4], [3, 8, 40]]
    made = fb.kappa(*raters(table))
    counts = np.array(table)
    each = []
    for i, j in itertools.product(range(3), range(3)):
        less = counts.copy()
        less[i, j] -= 1
        each += [fb.kappa(*raters(less.tolist())).kappa] * table[i][j]
    n = counts.sum()
    assert made.se == pytest.approx(math.sqrt((n - 1) / n * ((np.array(each) - np.mean(each)) ** 2).sum()), rel=0.02)
    assert fb.kappa(*raters([[5, 0], [0, 5]])).kappa == 1
    with pytest.raises(ValueError, match="same label"):
        fb.kappa(["a", "a"], ["a", "a"])


# Closing the loop ----------------------------------------------------------------------------------------------------


def test_the_published_survival_curve() -> None:
    """As in the tests of statsmodels, from R."""
    made = fb.kaplan_meier([3, 1, 2, 3, 2, 1, 5, 3], [0, 1, 1, 1, 0, 0, 1, 0])
    assert made.table["survival"].tolist() == pytest.approx([0.875, 0.7291667, 0.546875, 0], abs=1e-7)
    assert made.table["se"].tolist()[:3] == pytest.approx([0.1169268, 0.1649762, 0.20058], abs=1e-6)
    assert made.table["at_risk"].tolist() == [8, 6, 4, 1]
    assert made.median.estimate == 5 and made.median.upper == math.inf


def test_without_open_cases_the_curve_is_the_share_still_waiting() -> None:
    times = np.random.default_rng(0).exponential(30, 50)
    made = fb.kaplan_meier(times, np.ones(50))
    assert made.table["survival"].tolist() == pytest.approx(((49 - np.arange(50)) / 50).tolist())
    p = made.at(30).estimate
    se = float(made.table["se"][made.table["time"] <= 30].iloc[-1])
    assert se == pytest.approx(math.sqrt(p * (1 - p) / 50))
    assert made.at(0) == (1, 1, 1) and made.at(1e9).estimate == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40))
def test_survival_falls_and_stays_in_its_interval(cases: list[tuple[int, bool]]) -> None:
    table = fb.kaplan_meier([c[0] for c in cases], [c[1] for c in cases]).table
    assert (table["survival"].diff().dropna() <= 1e-12).all()
    assert ((table["lower"] <= table["survival"] + 1e-12) & (table["survival"] <= table["upper"] + 1e-12)).all()
    assert table["events"].sum() + table["censored"].sum() == len(cases)


def test_the_curve_covers_with_open_cases_and_dropping_them_does_not() -> None:
    rng = np.random.default_rng(1)
    truth = math.exp(-48 / 60)
    kept, dropped, median = [], [], []
    for _ in range(300):
        wait, watched = rng.exponential(60, 60), rng.uniform(60, 200, 60)
        done = wait <= watched
        made = fb.kaplan_meier(np.minimum(wait, watched), done)
        kept.append(made.at(48))
        median.append(made.median.lower <= 60 * math.log(2) <= made.median.upper)
        dropped.append((wait[done] > 48).mean())
    assert 0.93 <= covers([k.lower for k in kept], truth, [k.upper for k in kept]) <= 0.975
    assert 0.92 <= np.mean(median) <= 0.98
    assert np.mean(dropped) < truth - 0.08


@pytest.mark.parametrize(
    ("durations", "observed", "said"),
    [([], [], "at least one case"), ([1, -1], [1, 1], "not negative"), ([1, 2], [1, 3], "1 where it happened")],
)
def test_bad_durations_get_a_sentence(durations: list[int], observed: list[int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fb.kaplan_meier(durations, observed)


NOW = pd.Timestamp("2025-06-30 12:00")


def cases(**columns: Any) -> pd.DataFrame:
    """Low scores, so many hours ago; ``replied`` in hours after the answer."""
    ago = columns.pop("ago")
    replied = columns.pop("replied", [None] * len(ago))
    made = pd.DataFrame({"customer_id": range(len(ago)), "kind": "NPS", "score": 3, **columns})
    made["answered_at"] = [NOW - pd.Timedelta(hours=h) for h in ago]
    made["replied_at"] = made["answered_at"] + pd.to_timedelta(pd.Series(replied, dtype="float64"), unit="h")
    return made


def test_followed_up_counts_only_those_whose_hours_have_passed() -> None:
    made = cases(ago=[100, 100, 100, 60, 10, 10, 5], replied=[5, 60, None, 47, 2, None, None])
    found = fb.followed_up(made, as_of=NOW)
    assert found.in_time[:1] + found.in_time[3:] == (0.5, 4)
    assert (found.waiting, found.late, found.young) == (3, 1, 3)
    assert found.naive == pytest.approx(3 / 7)
    assert found.by_survival.estimate > found.naive
    earlier = fb.followed_up(made, as_of=NOW - pd.Timedelta(hours=50))
    assert earlier.in_time.cases == 3 and earlier.waiting == 3
    with pytest.raises(ValueError, match="no detractor"):
        fb.followed_up(made.assign(score=9), as_of=NOW)
    with pytest.raises(ValueError, match="hours must be above 0"):
        fb.followed_up(made, hours=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_reply_times_of_every_engine(ignored: company.Company, engine: str) -> None:
    columns = ["feedback_id", "customer_id", "kind", "sent_at", "answered_at", "score", "replied_at", "closed_at"]
    feedback = ignored.feedback[columns]
    expected = fb.reply_times(feedback)
    found = fb.reply_times(to_engine(feedback, engine))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert fb.followed_up(to_engine(feedback, engine)) == fb.followed_up(feedback)
    assert (expected["replied"] == feedback.loc[feedback["score"].notna(), "replied_at"].notna().to_numpy()).all()


def test_ignored_feedback_is_followed_up_less(ignored: company.Company) -> None:
    own = ignored.feedback
    before = fb.followed_up(own, as_of=ignored.begins_at)
    after = fb.followed_up(own[own["sent_at"] >= ignored.begins_at], as_of=ignored.ends_at)
    assert before.in_time.lower > after.in_time.upper
    low = fb.reply_times(own, kind="NPS", as_of=ignored.ends_at).query("low")
    fig = fb.plot_survival({"detractors": fb.kaplan_meier(low["reply_hours"], low["replied"])})
    assert "within 48 hours" in fig._suptitle.get_text()


def test_the_work_list_by_hand() -> None:
    made = cases(ago=[20, 100, 30, 200, 10, 2000, 500, 90], replied=[None] * 7 + [5])
    made["customer_id"] = [1, 2, 3, 4, 5, 6, 4, 7]
    made["comment"] = "text"
    themes = pd.Series(["price", "none", "price", "coffee", None, "price", "coffee", "price"])
    values = pd.DataFrame({"customer_id": [3, 1, 2], "value_eur": [900.0, 100.0, 5000.0]})
    found = fb.work_list(made, as_of=NOW, values=values, themes=themes)
    # again about coffee; within 48 hours by value; the rest; not the old case, nor the one replied to
    assert found["customer_id"].tolist() == [4, 3, 1, 5, 2]
    assert found["times"].tolist() == [2, 1, 1, 1, 1]
    assert "the same theme for the second time (coffee)" in found["why"][0]
    assert found["why"][1] == "gave 3 and has waited 30 hours for a reply; due within 18 hours; worth 900 EUR"
    assert fb.work_list(made, as_of=NOW, most=2)["rank"].tolist() == [1, 2]
    assert "theme" not in fb.work_list(made, as_of=NOW)
    replied_later = made.assign(replied_at=made["answered_at"] + pd.Timedelta(hours=400))
    # somebody spoke with customer 4 after the latest answer, although about an earlier one
    assert set(fb.work_list(replied_later, as_of=NOW)["customer_id"]) == {1, 2, 3, 5, 7}
    repeated = fb.repeat_themes(made, themes)
    assert repeated[["customer_id", "theme", "times", "replied"]].to_numpy().tolist() == [[4, "coffee", 2, 0]]


def surveys(rng: np.random.Generator, n: int, effect: float) -> pd.DataFrame:
    """Three answers of each customer, half a year apart; a reply to a low one adds ``effect`` to the next."""
    x = 6.5 + 1.2 * rng.standard_normal((n, 1)) + 1.2 * rng.standard_normal((n, 3))
    score = np.clip(np.round(x), 0, 10)
    replied = rng.random((n, 3)) < np.where(score <= 5, 0.8, 0.4)  # the worse, the likelier
    score[:, 1:] += effect * replied[:, :2] * (score[:, :2] <= 6)
    made = pd.DataFrame({"customer_id": np.repeat(np.arange(n), 3), "score": score.ravel()})
    made["answered_at"] = np.tile(pd.date_range("2024-01-15", periods=3, freq="180D"), n)
    made["replied_at"] = (made["answered_at"] + pd.Timedelta(hours=20)).where(replied.ravel())
    return made


def test_scores_come_back_to_the_mean_and_a_fair_comparison_sees_no_effect() -> None:
    rng = np.random.default_rng(2)
    made = [fb.after_follow_up(surveys(rng, 150, 0.0)) for _ in range(100)]
    assert 0.90 <= covers([m.fair.lower for m in made], 0.0, [m.fair.upper for m in made]) <= 0.985
    assert np.mean([m.naive.lower > 0 for m in made]) > 0.9
    none = fb.after_follow_up(surveys(rng, 8000, 0.0))
    assert none.fair.lower < 0 < none.fair.upper < none.naive.estimate - none.expected.estimate
    real = fb.after_follow_up(surveys(rng, 4000, 1.0))
    assert real.fair.lower < 1.0 < real.fair.upper and real.fair.lower > 0.7
    assert "After a reply scores change" in fb.plot_after_follow_up(real)._suptitle.get_text()


def test_a_reply_at_kittiwake_changes_nothing(big: company.Company) -> None:
    made = fb.after_follow_up(big.feedback)
    assert made.naive.lower > 1 and made.expected.lower > 1
    assert made.fair.lower < 0 < made.fair.upper
    assert made.table["pairs"].sum() == made.pairs


def test_too_few_pairs_say_so() -> None:
    with pytest.raises(ValueError, match="too few to compare"):
        fb.after_follow_up(surveys(np.random.default_rng(0), 5, 0.0))
    with pytest.raises(ValueError, match="no column 'replied_at'"):
        fb.after_follow_up(surveys(np.random.default_rng(0), 50, 0.0).drop(columns="replied_at"))


def test_a_chart_marks_the_signals_of_the_rule_that_is_watched() -> None:
    chart = fb.p_chart([5] * 10 + [4, 6] * 5 + [8] * 10, [50] * 30, baseline=20)
    assert not chart.table["rule_1"].any()
    assert chart.first_signal is not None
    every, first = (fb.plot_chart(chart, rule=rule) for rule in (None, 1))
    assert "signal, the first at" in every.alt
    assert "None of 10 points after the baseline gives a signal" in first.alt
