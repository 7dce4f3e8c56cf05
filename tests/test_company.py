"""The company: reproducible, well-formed, and every planted effect recovered from the tables by another method."""

import hashlib
import subprocess
import sys
from collections import defaultdict, deque

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from crkit import company, datasets
from crkit.clv import fit_bg_nbd, fit_gamma_gamma
from crkit.segments import rfm_summary

MODEL = company.MODEL
SEGMENT = {s.name: s for s in MODEL.segments}
BIG = 40_000


@pytest.fixture(scope="module")
def big():
    return company.simulate(n_customers=BIG, seed=11)


@pytest.fixture(scope="module")
def big_by_scenario(big):
    tables = ["customers", "orders", "contacts", "feedback", "truth"]
    others = {s: company.simulate(n_customers=BIG, seed=11, scenario=s, tables=tables) for s in company.SCENARIOS[1:]}
    return {"healthy": big, **others}


def digest(made):
    text = "".join(made.tables[name].to_csv(index=False) for name in company.TABLES)
    return hashlib.sha256(text.encode()).hexdigest()


def z_of_share(hits, n, expected):
    """Standard score of a share against its expected value."""
    return (hits / n - expected) / np.sqrt(expected * (1 - expected) / n)


# -- reproducible ----------------------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_bytes_in_another_process():
    code = (
        "import hashlib; from crkit import company\n"
        "made = company.simulate(300, 5, 'impersonal')\n"
        "text = ''.join(made.tables[n].to_csv(index=False) for n in company.TABLES)\n"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert digest(company.simulate(300, 5, "impersonal")) == other
    assert digest(company.simulate(300, 6, "impersonal")) != other


@pytest.mark.parametrize("names", [["orders"], ["feedback"], ["truth", "points"], ["posts", "messages"]])
def test_a_table_alone_is_the_same_as_among_all(names):
    whole = company.simulate(200, 3)
    part = company.simulate(200, 3, tables=names)
    assert list(part.tables) == names
    for name in names:
        pd.testing.assert_frame_equal(part.tables[name], whole.tables[name])
    with pytest.raises(AttributeError, match="without the table 'customers'"):
        _ = part.customers


@pytest.mark.parametrize("scenario", company.SCENARIOS[1:])
def test_scenarios_share_their_orders_until_the_mistake_begins(scenario):
    healthy, other = company.simulate(400, 1), company.simulate(400, 1, scenario)
    keys = ["customer_id", "ordered_at", "amount_eur"]
    before = [c.orders.loc[c.orders["ordered_at"] < other.begins_at, keys] for c in (healthy, other)]
    pd.testing.assert_frame_equal(*before)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"n_customers": 0}, "n_customers must be a whole number from 1"),
        ({"n_customers": 10.5}, "n_customers must be a whole number"),
        ({"n_customers": True}, "n_customers must be a whole number"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"months": 2}, "months must be a whole number from 3 to 120"),
        ({"scenario": "sunny"}, "scenario must be one of healthy, over_automated"),
        ({"start": "soon"}, "start must be an ISO date"),
        ({"start": "2024-01-01 08:00"}, "start must be a day without a time"),
        ({"tables": ["order"]}, "unknown table 'order'; the tables are customers, orders"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(arguments, says):
    with pytest.raises(ValueError, match=says):
        company.simulate(**arguments)


# -- well-formed -----------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    n=st.integers(1, 120),
    seed=st.integers(0, 2**40),
    scenario=st.sampled_from(company.SCENARIOS),
    months=st.integers(3, 40),
    start=st.sampled_from(["2024-01-01", "2023-07-15", "2020-02-29"]),
)
@example(n=1, seed=3, scenario="healthy", months=3, start="2024-01-01")  # nobody has an issue
def test_every_company_keeps_the_schema(n, seed, scenario, months, start):
    made = company.simulate(n, seed, scenario, start, months)
    for name, table in made.tables.items():
        assert datasets.validate(table, name, made.tables) == []
    orders, truth = made.orders, made.truth
    assert orders["ordered_at"].is_monotonic_increasing
    assert set(orders["customer_id"]) == set(range(1, n + 1))
    first = orders.groupby("customer_id")["ordered_at"].min()
    assert (first.to_numpy() == made.customers.set_index("customer_id")["joined_at"].to_numpy()).all()
    last = orders.groupby("customer_id")["ordered_at"].max()
    dropped = truth.set_index("customer_id")["dropped_at"]
    assert (last[dropped.notna()] <= dropped[dropped.notna()]).all()
    for table, column in (("orders", "ordered_at"), ("contacts", "started_at"), ("feedback", "sent_at"),
                          ("points", "booked_at"), ("posts", "posted_at")):  # fmt: skip
        assert made.tables[table][column].between(made.starts_at, made.ends_at, inclusive="left").all()
    assert (orders["discount_eur"] <= orders["amount_eur"]).all()
    threads = made.posts.drop_duplicates("thread_id")
    assert (threads["post_id"] == threads["thread_id"]).all() and (threads["kind"] != "answer").all()
    assert (made.posts.groupby("thread_id")["accepted"].sum() <= 1).all()


def test_the_ledger_is_what_a_plain_replay_gives():
    made = company.simulate(600, 2, tables=["points", "orders"])
    lots, expired, end = defaultdict(deque), 0, made.ends_at
    for row in made.points.itertuples():
        mine = lots[row.customer_id]
        if row.kind in ("earn", "adjust"):
            assert row.points > 0 and row.expires_at == row.booked_at + pd.Timedelta(days=365)
            mine.append([row.expires_at, row.points])
        elif row.kind == "redeem":
            left = -row.points
            while left:
                assert mine and mine[0][0] > row.booked_at, "redeemed more than was there"
                used = min(left, mine[0][1])
                left, mine[0][1] = left - used, mine[0][1] - used
                if mine[0][1] == 0:
                    mine.popleft()
        else:
            assert mine[0] == [row.booked_at, -row.points]
            mine.popleft()
            expired += 1
    assert expired > 50
    assert all(lot[0] >= end for mine in lots.values() for lot in mine), "a lot past its day was not booked as expired"
    redeemed = made.points[made.points["kind"] == "redeem"].set_index("order_id")["points"]
    discounts = made.orders.set_index("order_id")["discount_eur"]
    assert np.allclose(discounts[redeemed.index], -redeemed / 20) and discounts.sum() == pytest.approx(
        -redeemed.sum() / 20
    )


# -- planted effects -------------------------------------------------------------------------------------------------


def segment_orders(made, name):
    who = made.truth.loc[made.truth["segment"] == name, "customer_id"]
    return made.orders[made.orders["customer_id"].isin(who)]


def before_campaigns(made):
    return made.starts_at + pd.DateOffset(months=12)


@pytest.mark.parametrize("name", ["home_occasional", "home_regular", "home_enthusiast"])
def test_bg_nbd_is_right_for_the_home_customers(big, name):
    orders = segment_orders(big, name)
    early = orders[orders["ordered_at"] < before_campaigns(big)]
    # Hours keep apart the few orders that fall on one day.
    fit = fit_bg_nbd(rfm_summary(early, observation_end=before_campaigns(big), unit="h"))
    s = SEGMENT[name]
    # Days of 24 hours in the table, of which customers use 7:00 to 21:00: gaps in whole days are unchanged.
    planted = pd.Series({"r": s.r, "alpha": s.alpha * 24, "a": s.a, "b": s.b})
    found = pd.Series({k: getattr(fit, k) for k in planted.index})
    z = np.log(found / planted) / (fit.standard_errors[planted.index] / found)
    assert (z.abs() < 3.5).all(), z


def test_bg_nbd_is_wrong_for_the_offices_on_contract(big):
    """Deliveries come like clockwork, so five silent weeks prove that a contract ended; the fit sees no such thing."""
    ids = big.customers.loc[big.customers["plan"] == "contract", "customer_id"]
    orders = big.orders[big.orders["customer_id"].isin(ids)]
    gaps = orders.groupby("customer_id")["ordered_at"].diff().dropna().dt.total_seconds() / 86_400
    mean_gap = gaps.groupby(orders["customer_id"]).transform("mean")
    assert (gaps / mean_gap).std() < 0.2, "a Poisson process would give about 1"
    summary = rfm_summary(orders, observation_end=big.ends_at - pd.Timedelta(days=1))
    fit = fit_bg_nbd(summary)
    says = fit.probability_alive(summary["frequency"], summary["recency"], summary["T"])
    running = big.customers.set_index("customer_id")["contract_ended_at"].isna()[summary["customer_id"]].to_numpy()
    silent = (summary["T"] - summary["recency"]).between(36, 56)
    assert silent.sum() > 40 and not running[silent].any()
    assert says[silent].mean() > 0.7


def test_spend_is_gamma_gamma_for_customers_outside_the_programme(big):
    outside = big.customers.loc[big.customers["enrolled_at"].isna(), "customer_id"]
    for name in ("home_regular", "cafe"):
        orders = segment_orders(big, name)
        orders = orders[orders["customer_id"].isin(outside)]
        fit = fit_gamma_gamma(rfm_summary(orders, observation_end=big.ends_at, unit="h"))
        s = SEGMENT[name]
        planted = pd.Series({"p": s.p, "q": s.q, "v": s.v})
        found = pd.Series({k: getattr(fit, k) for k in planted.index})
        z = np.log(found / planted) / (fit.standard_errors[planted.index] / found)
        assert (z.abs() < 3.5).all(), z


def test_contracts_are_renewed_as_the_shifted_beta_geometric_model_says(big):
    offices = big.customers[big.customers["plan"] == "contract"]
    age = (offices["contract_ended_at"].fillna(big.ends_at) - offices["contract_started_at"]).dt.days
    s = SEGMENT["office"]
    for renewal in range(1, 6):
        at = renewal * company.QUARTER_DAYS
        due = offices[(age > at - 2) & (offices["contract_started_at"] + pd.Timedelta(days=at + 2) < big.ends_at)]
        ended = due["contract_ended_at"].notna() & (age[due.index] < at + 2)
        assert len(due) > 500
        assert abs(z_of_share(ended.sum(), len(due), s.a / (s.a + s.b + renewal - 1))) < 3.5


def test_drop_out_is_exactly_the_planted_chance_under_healthy_service(big):
    """Satisfaction decides who leaves, but not how many: the share after the first repeat order is a / (a + b)."""
    at = big.orders.groupby("customer_id")["ordered_at"].nth(1)
    truth = big.truth.set_index("customer_id")
    truth["at"] = at.set_axis(big.orders.loc[at.index, "customer_id"])
    truth = truth.dropna(subset="at")
    for name, s in SEGMENT.items():
        if s.contract:
            continue
        mine = truth[truth["segment"] == name]
        assert abs(z_of_share((mine["dropped_at"] == mine["at"]).sum(), len(mine), s.a / (s.a + s.b))) < 3.5


def test_dissatisfaction_moves_churn_as_much_as_planted(big):
    """After a first repeat order, by what went wrong with it, against a simulation of the docstring's model."""
    rng = np.random.default_rng(0)
    s = SEGMENT["home_regular"]
    first = big.orders.groupby("customer_id").nth(1).merge(big.truth[["customer_id", "segment", "dropped_at"]])
    first = first[first["segment"] == s.name]
    topic = big.contacts.drop_duplicates("issue_id").set_index("order_id")["topic"]
    first["topic"] = first["order_id"].map(topic)
    # A contact may fall after the end of the data, so only orders with time for one.
    first = first[first["ordered_at"] < big.ends_at - pd.Timedelta(days=40)]
    left = first["dropped_at"] == first["ordered_at"]

    n = 400_000
    p = rng.beta(s.a, s.b, n)
    issue = rng.random(n) < s.issue_rate
    t = rng.choice(6, n, p=MODEL.topic_share)
    weights = np.array(s.routing) * np.array(MODEL.ease).T[t]
    h = (weights.cumsum(1) < (rng.random(n) * weights.sum(1))[:, None]).sum(1)
    solved, later = np.array(MODEL.resolves)[h, t], np.array(MODEL.resolves)[2, t]
    on = np.array(MODEL.escalates)[h] + (1 - np.array(MODEL.escalates)[h]) * np.array(MODEL.returns)[h]
    fixed = rng.random(n) < solved + (1 - solved) * on * (later + (1 - later) * MODEL.returns[2] * later)
    x = company.EXPERIENCE_NOISE * rng.standard_normal(n)
    x += issue * (np.array(MODEL.topic_effect)[t] + MODEL.unresolved_effect * ~fixed
                  + MODEL.mismatch_effect * ~np.isin(h, s.accepts))  # fmt: skip
    u = stats.rankdata(x) / (n + 1)
    w = MODEL.churn_weight
    leaves = stats.norm.cdf(w * stats.norm.ppf(u) + np.sqrt(1 - w**2) * rng.standard_normal(n)) < p

    for name, rows, cases in (
        ("delivery", first["topic"] == "delivery", issue & (t == 2)),
        ("any issue", first["topic"].notna(), issue),
        ("none", first["topic"].isna(), ~issue),
    ):
        expected = leaves[cases].mean()
        assert rows.sum() > 150
        assert abs(z_of_share(left[rows].sum(), rows.sum(), expected)) < 3.5, name
    assert left[first["topic"] == "delivery"].mean() > 2 * left[first["topic"].isna()].mean()


def test_the_holdout_is_random_and_members_are_not(big):
    who = big.customers.merge(big.truth)
    private = who[who["account"] == "private"]
    held_out = private["loyalty_arm"] == "holdout"
    assert abs(z_of_share(held_out.sum(), len(private), MODEL.holdout_share)) < 3.5
    assert (who.loc[who["account"] == "business", "loyalty_arm"] == "not_eligible").all()
    rates = [private.loc[rows, "buying_rate"] for rows in (held_out, ~held_out)]
    assert stats.mannwhitneyu(*rates).pvalue > 0.001
    enrolled = private["enrolled_at"].notna()
    assert not (enrolled & held_out).any()
    assert private.loc[enrolled, "buying_rate"].mean() > 1.3 * private.loc[~enrolled & ~held_out, "buying_rate"].mean()


def test_the_programme_raises_order_amounts_by_the_planted_lift(big):
    """Each member is compared with their own mean before enrolling; no order of a gold year is in it."""
    orders = big.orders.merge(big.customers[["customer_id", "joined_at", "enrolled_at"]]).dropna(subset="enrolled_at")
    orders = orders[orders["ordered_at"].dt.year == orders["joined_at"].dt.year]
    day = orders["ordered_at"].dt.normalize()
    after, quiet = day > orders["enrolled_at"], ~orders["ordered_at"].dt.month.isin([10, 11, 12])
    before = orders[day < orders["enrolled_at"]].groupby("customer_id")["amount_eur"].mean()
    later = orders[after & quiet].groupby("customer_id")["amount_eur"].mean()
    both = pd.concat([before.rename("before"), later.rename("later")], axis=1).dropna()
    ratio = both["later"].sum() / both["before"].sum()
    boot = [
        r["later"].sum() / r["before"].sum()
        for r in (both.sample(frac=1, replace=True, random_state=i) for i in range(200))
    ]
    assert len(both) > 2000
    assert abs(ratio - (1 + MODEL.loyalty_lift)) < 3.5 * np.std(boot)
    assert np.std(boot) < 0.025


def test_gold_customers_spend_more_and_some_buy_their_way_in(big):
    orders = big.orders.merge(big.customers[["customer_id", "enrolled_at", "account"]]).dropna(subset="enrolled_at")
    member = orders["ordered_at"].dt.normalize() > orders["enrolled_at"]
    spent = orders[member & (orders["ordered_at"].dt.year == 2024)].groupby("customer_id")["amount_eur"].sum()
    mean_spend = big.truth.set_index("customer_id")["mean_spend_eur"]
    later = orders[(orders["ordered_at"].dt.year == 2025) & (orders["ordered_at"].dt.month < 10) & member]
    ratio = later["amount_eur"] / later["customer_id"].map(mean_spend) / (1 + MODEL.loyalty_lift)
    # Away from the threshold, where an order on the day of enrolling could tip the balance.
    for rows, lift in ((spent[spent > 380].index, MODEL.gold_lift), (spent[spent < 220].index, 0.0)):
        r = ratio[later["customer_id"].isin(rows)]
        by_customer = r.groupby(later["customer_id"]).mean()
        assert abs(by_customer.mean() - (1 + lift)) < 3.5 * by_customer.sem()
    near = spent[spent.between(270, 330)]
    above, below = near.between(300, 310, inclusive="left").sum(), near.between(290, 300, inclusive="left").sum()
    assert above > 1.5 * below


def test_messages_cause_as_many_orders_as_planted():
    """Orders in the eleven days after, treatment against control, each less what the customer's own rate predicts."""
    made = company.simulate(n_customers=150_000, seed=12, tables=["orders", "messages", "truth"])
    sent = made.messages.merge(made.truth)
    # Who has dropped out cannot answer, so the effect is uplift among those alive.
    sent = sent[sent["dropped_at"].isna() | (sent["dropped_at"] > sent["assigned_at"])]
    key = made.orders["customer_id"].to_numpy() * 10_000 + days_since(made, made.orders["ordered_at"])
    key.sort()
    start = sent["customer_id"].to_numpy() * 10_000 + days_since(made, sent["assigned_at"])
    orders = np.searchsorted(key, start + 11) - np.searchsorted(key, start, side="right")
    # A Poisson count at the planted rate: subtracting its mean leaves less noise, and no bias in either arm.
    sent["surplus"] = orders - 11 * sent["buying_rate"]
    treated = sent["arm"] == "treatment"
    assert abs(z_of_share(treated.sum(), len(sent), 0.5)) < 3.5
    for variant, uplift in (("generic", "message_uplift"), ("personalised", "personalised_uplift")):
        for name in ("home_occasional", "home_regular", "home_enthusiast"):
            rows = (sent["segment"] == name) & (sent["variant"] == variant)
            arms = [sent.loc[rows & arm, "surplus"] for arm in (treated, ~treated)]
            effect, error = arms[0].mean() - arms[1].mean(), np.hypot(arms[0].sem(), arms[1].sem())
            planted = getattr(SEGMENT[name], uplift)
            # Who leaves within the ten days does not order: at most a twentieth of the effect.
            assert abs(effect - planted) < 3.5 * error + 0.05 * planted, (variant, name)
            assert effect > 3 * error, (variant, name)


def days_since(made, moments):
    return (moments - made.starts_at).dt.total_seconds().to_numpy() / 86_400


def issues_of(made):
    by_issue = made.contacts.dropna(subset="issue_id").groupby("issue_id")
    first = by_issue.first()
    first["contacts"] = by_issue.size()
    return first[first["started_at"] < made.ends_at - pd.Timedelta(days=20)]


def test_handlers_resolve_what_they_should(big):
    """An issue needs a second contact with chance (1 - resolves) * goes on: counted without the system's own flag."""
    issues = issues_of(big)
    checked = 0
    for h, handler in enumerate(("self", "bot", "human", "community")):
        for t, topic in enumerate(company.TOPICS):
            rows = issues[(issues["handled_by"] == handler) & (issues["topic"] == topic)]
            if handler == "human":
                rows = rows[~rows["agent"].str.startswith("owner")]
            if len(rows) < 200:
                continue
            on = MODEL.escalates[h] + (1 - MODEL.escalates[h]) * MODEL.returns[h]
            expected = (1 - MODEL.resolves[h][t]) * on
            assert abs(z_of_share((rows["contacts"] > 1).sum(), len(rows), expected)) < 3.9, (handler, topic)
            checked += 1
    assert checked >= 16


def test_the_bot_looks_fine_until_like_is_compared_with_like(big):
    issues = issues_of(big)
    verified = issues["resolved"] & (issues["contacts"] == 1)
    shares = pd.crosstab(issues["topic"], issues["handled_by"], verified, aggfunc="mean")
    assert (shares["bot"] < shares["human"]).all(), "within every topic the bot is worse"
    easy = issues.groupby("handled_by", observed=True)["topic"].apply(
        lambda t: t.isin(["order_status", "account"]).mean()
    )
    assert easy["bot"] > 2 * easy["human"]
    raw = issues["resolved"].groupby(issues["handled_by"], observed=True).mean()
    gap_within = (shares["human"] - shares["bot"]).mean()
    assert raw["human"] - raw["bot"] < gap_within / 2, "raw shares hide most of the difference"


def test_delivery_drives_the_score_and_price_is_talked_about(big):
    nps = big.feedback[(big.feedback["kind"] == "NPS") & big.feedback["score"].notna()]
    x = nps[[f"rating_{d}" for d in company.DIMENSIONS]].astype(float)
    inner = nps["score"].between(2, 9)
    coef = np.linalg.lstsq(np.column_stack([np.ones(len(x)), x])[inner], nps["score"][inner].astype(float), rcond=None)[
        0
    ][1:]
    planted = np.array([MODEL.drivers[d] for d in company.DIMENSIONS])
    assert (np.argsort(-coef) == np.argsort(-planted)).all()
    assert coef[0] / coef[1] == pytest.approx(planted[0] / planted[1], rel=0.25)
    about = company.comment_truth(nps.loc[nps["score"] <= 6, "comment"])["theme"].value_counts(normalize=True)
    assert about["price"] > about["service"]


def test_the_truth_of_the_surveys_is_what_everybody_would_have_answered(big):
    truth, sent = big.survey_truth, big.feedback
    answered = sent["answered_at"].notna()
    assert (truth["feedback_id"] == sent["feedback_id"]).all()
    assert (truth["score"][answered] == sent["score"][answered]).all()
    for kind in ("NPS", "CSAT", "CES"):
        rows = sent["kind"] == kind
        for _, part in truth[rows].groupby(pd.qcut(truth["chance"][rows], 5)):
            assert abs(z_of_share(answered[part.index].sum(), len(part), part["chance"].mean())) < 3.5, kind
    assert company.simulate(60, tables=["contacts"]).survey_truth is None


def test_comments_are_varied_and_their_truth_is_known(big):
    written = big.feedback[big.feedback["comment"].notna()]
    truth = company.comment_truth(written["comment"])
    assert truth.index.equals(written.index) and truth.drop(columns="also").notna().all(axis=None)
    assert truth["language"].to_numpy().tolist() == (
        written["customer_id"].map(big.customers.set_index("customer_id")["language"]).tolist()
    )
    distinct = written["comment"].groupby(truth["language"]).nunique()
    assert distinct["en"] > 2000 and distinct["de"] > 1500
    assert truth["typo"].mean() == pytest.approx(1 / 7, abs=0.03)
    bad = truth["mood"] == "negative"
    assert (
        truth.loc[bad, "sarcastic"].mean() == pytest.approx(0.15, abs=0.03) and not truth.loc[~bad, "sarcastic"].any()
    )
    assert (truth["also"] != truth["theme"]).all() and 0.1 < truth["also"].notna().mean() < 0.4
    nps = written["kind"] == "NPS"
    assert (written.loc[nps & bad, "score"] <= 6).all() and (
        written.loc[nps & (truth["mood"] == "positive"), "score"] >= 9
    ).all()
    assert company.comment_truth(pd.Series(["unknown", None], index=[5, 7])).isna().all(axis=None)


def test_a_word_of_a_theme_does_not_prove_it(big):
    """Else finding the theme of a comment would be no task."""
    truth = company.comment_truth(big.feedback["comment"].dropna())
    text = big.feedback["comment"].dropna().str.lower()
    for word, theme in {"parcel": "delivery", "coffee": "coffee", "pay": "price", "kaffee": "coffee"}.items():
        about = truth[text.str.contains(word)]
        assert ((about["theme"] != theme) & (about["also"] != theme)).mean() > 0.05, word


def test_the_dissatisfied_answer_less_often(big):
    sent = big.feedback[big.feedback["kind"] == "NPS"].merge(big.truth[["customer_id", "segment", "dropped_at"]])
    sent = sent[(sent["segment"] == "home_regular") & (sent["sent_at"] < big.ends_at - pd.Timedelta(days=30))]
    sent = sent[sent["dropped_at"].isna() | (sent["dropped_at"] > sent["sent_at"])]
    topic = big.contacts.dropna(subset="issue_id").drop_duplicates("issue_id").set_index("order_id")["topic"]
    orders = big.orders.assign(topic=big.orders["order_id"].map(topic))[["customer_id", "ordered_at", "topic"]]
    last = pd.merge_asof(sent.sort_values("sent_at"), orders.sort_values("ordered_at"), left_on="sent_at",
                         right_on="ordered_at", by="customer_id", tolerance=pd.Timedelta(days=119))  # fmt: skip
    answered = last["answered_at"].notna()
    late, fine = answered[last["topic"] == "delivery"], answered[last["topic"].isna() & last["ordered_at"].notna()]
    # A delivery problem lowers the score by 1.3 * 1.6 points and so the log-odds by about slope times that.
    log_odds = [np.log(a.mean() / (1 - a.mean())) for a in (late, fine)]
    error = np.sqrt(sum(1 / (a.mean() * (1 - a.mean()) * len(a)) for a in (late, fine)))
    planted = -MODEL.response_slope * (1.3 * 1.6)
    assert abs(log_odds[0] - log_odds[1] - planted) < 3.5 * error + 0.25 * abs(planted)
    assert late.mean() < fine.mean() - 3 * np.sqrt(0.25 / len(late))


def test_few_help_many(big):
    members = big.truth[big.truth["forum_member"]]
    hill = 1 / np.log(members["helpfulness"]).mean()
    assert abs(hill - MODEL.helper_tail) < 3.5 * MODEL.helper_tail / np.sqrt(len(members))
    answers = big.posts.loc[big.posts["kind"] == "answer", "customer_id"].value_counts()
    counts = answers.reindex(members["customer_id"]).fillna(0).sort_values(ascending=False)
    assert counts.head(len(counts) // 100).sum() > 0.15 * counts.sum()
    share = members.set_index("customer_id")["helpfulness"].sort_values(ascending=False)
    top = share.head(len(share) // 10).index
    # Answers by the most helpful tenth, against their share of helpfulness weighted by time in the forum.
    joined = big.customers.set_index("customer_id")["joined_at"][share.index]
    until = members.set_index("customer_id")["dropped_at"].fillna(big.ends_at)[share.index]
    weight = share * (until - joined).dt.days
    assert counts[top].sum() / counts.sum() == pytest.approx(weight[top].sum() / weight.sum(), abs=0.03)


# -- the three mistakes ----------------------------------------------------------------------------------------------


def split(made, table, column):
    frame = made.tables[table]
    late = frame[column] >= made.begins_at
    return frame[~late], frame[late]


def orders_lost(by_scenario, scenario, rows):
    """Share of the healthy company's orders after the date that the scenario does not have, among ``rows``."""
    other = by_scenario[scenario]
    counts = [(c.orders["ordered_at"] >= other.begins_at) & c.orders["customer_id"].isin(rows)
              for c in (by_scenario["healthy"], other)]  # fmt: skip
    return 1 - counts[1].sum() / counts[0].sum()


def test_over_automation_is_planted(big_by_scenario):
    made = big_by_scenario["over_automated"]
    before, after = split(made, "contacts", "started_at")
    share = [(c["handled_by"] == "bot").mean() for c in (before, after)]
    assert share[1] > share[0] + 0.2
    passed_on = [c.loc[c["handled_by"] == "bot", "escalated_to"].notna().mean() for c in (before, after)]
    assert passed_on[1] < 0.5 * passed_on[0]
    assert orders_lost(big_by_scenario, "over_automated", range(1, BIG + 1)) > 0.005


def test_ignored_feedback_is_planted(big_by_scenario):
    made = big_by_scenario["ignored_feedback"]
    before, after = split(made, "feedback", "sent_at")
    quick = []
    for f in (before, after):
        unhappy = f[
            (f["kind"] == "NPS") & (f["score"] <= 6) & (f["answered_at"] < made.ends_at - pd.Timedelta(days=14))
        ]
        quick.append(((unhappy["replied_at"] - unhappy["answered_at"]) < pd.Timedelta(hours=48)).mean())
    assert quick[0] > 0.6 and quick[1] < 0.1
    contacts = split(made, "contacts", "started_at")
    late = [(c["topic"] == "delivery").mean() for c in contacts]
    assert late[1] > 1.5 * late[0]
    assert orders_lost(big_by_scenario, "ignored_feedback", range(1, BIG + 1)) > 0.02


def test_the_impersonal_company_is_planted(big_by_scenario):
    made = big_by_scenario["impersonal"]
    assert made.customers["account_owner"].isna().all()
    assert big_by_scenario["healthy"].customers["account_owner"].notna().any()
    cafes = made.truth.loc[made.truth["segment"] == "cafe", "customer_id"]
    before, after = split(made, "contacts", "started_at")
    owned = [
        c[c["customer_id"].isin(cafes)]["agent"].str.startswith("owner").fillna(False).mean() for c in (before, after)
    ]
    assert owned[0] > 0.7 and owned[1] < 0.15
    assert orders_lost(big_by_scenario, "impersonal", cafes) > 0.02
    homes = made.truth.loc[made.truth["segment"].astype(str).str.startswith("home"), "customer_id"]
    assert abs(orders_lost(big_by_scenario, "impersonal", homes)) < 0.001
