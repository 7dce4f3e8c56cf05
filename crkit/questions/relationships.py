"""The questions of the lesson on relationships: which type fits which segment, and at what cost?"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crkit import relationships
from crkit.company import TOPICS
from crkit.intervals import wilson
from crkit.questions.core import Misconception, Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from crkit.datasets import Source

DAYS = 7
HOURS_EACH = 0.1
EXPECTED = {"private": "automated_services", "business": "dedicated_personal_assistance"}


def _bot(source: Source) -> pd.DataFrame:
    contacts = source["contacts"]
    return contacts[contacts["handled_by"] == "bot"]


def _joined(source: Source) -> pd.DataFrame:
    return source["contacts"].merge(source["customers"][["customer_id", "account"]], on="customer_id")


# ---- 3.2 who is served by a person


def _begun(source: Source, *, everything: bool = False) -> pd.DataFrame:
    joined = _joined(source)
    return joined if everything else joined[joined["initiated_by"].astype(str) == "customer"]


def _by_person(source: Source, *, everything: bool = False) -> pd.DataFrame:
    joined = _begun(source, everything=everything).assign(
        share=lambda table: (table["handled_by"] == "human").astype(float)
    )
    shares = joined.groupby(joined["account"].astype(str))["share"].mean()
    return shares.reset_index()


def _of_all(source: Source) -> pd.DataFrame:
    joined = _begun(source)
    persons = joined[joined["handled_by"] == "human"]
    shares = persons.groupby(persons["account"].astype(str)).size() / len(joined)
    return shares.rename("share").reset_index()


def _mean_of_customers(source: Source) -> pd.DataFrame:
    joined = _begun(source).assign(share=lambda table: table["handled_by"] == "human")
    each = joined.groupby(["customer_id", joined["account"].astype(str)])["share"].mean().reset_index()
    return each.groupby("account")["share"].mean().reset_index()


# ---- 3.3 how long ago


def _silence(source: Source, account: str = "business", *, anybody: bool = False, mean: bool = False) -> float:
    contacts = _joined(source)
    end = contacts["started_at"].max()
    contacts = contacts[(contacts["account"] == account) & (anybody | (contacts["handled_by"] == "human"))]
    days = (end - contacts.groupby("customer_id")["started_at"].max()).dt.total_seconds() / 86_400
    return float(days.mean() if mean else days.median())


# ---- 3.4, 3.5 containment, raw and verified


@functools.lru_cache(maxsize=8)
def _outcomes(source: Source) -> pd.DataFrame:
    table: pd.DataFrame = relationships.contact_outcomes(source["contacts"], window_days=DAYS)
    return table


def _settled_bot(source: Source) -> pd.DataFrame:
    table = _outcomes(source)
    return table[table["settled"] & (table["handled_by"] == "bot")]


def _by_hand(source: Source) -> float:
    contacts = source["contacts"].dropna(subset=["issue_id"]).sort_values(["issue_id", "started_at"])
    gap = contacts.groupby("issue_id")["started_at"].shift(-1) - contacts["started_at"]
    helped = contacts["resolved"] & contacts["escalated_to"].isna() & ~(gap <= pd.Timedelta(days=DAYS))
    until = source["contacts"]["started_at"].max() - pd.Timedelta(days=DAYS)
    return float(helped[(contacts["handled_by"] == "bot") & (contacts["started_at"] <= until)].mean())


def _came_back(contacts: pd.DataFrame, days: float, *, by: str = "issue_id", ever: bool = False) -> float:
    """What question 3.5 asks for, and its known wrong ways."""
    ordered = contacts.sort_values("started_at")
    gap = ordered.groupby(by)["started_at"].shift(-1) - ordered["started_at"]
    back = gap.notna() if ever else gap <= pd.Timedelta(days=days)
    return float(back[ordered["handled_by"] == "bot"].mean())


def _whole_days(contacts: pd.DataFrame, days: float) -> float:
    ordered = contacts.sort_values("started_at")
    gap = ordered.groupby("issue_id")["started_at"].shift(-1) - ordered["started_at"]
    return float((gap.dt.days <= days)[ordered["handled_by"] == "bot"].mean())


def _cases(source: Source) -> list[tuple[Any, ...]]:
    tiny = pd.DataFrame(
        {
            "customer_id": [1, 1, 1, 2, 2, 3, 4, 5, 5],
            "issue_id": [10, 10, 11, 20, 20, 30, 40, 50, 50],
            "started_at": pd.to_datetime(
                [
                    "2025-01-01 09:00",
                    "2025-01-03 10:00",
                    "2025-01-04 08:00",
                    "2025-01-02 20:00",
                    "2025-01-12 23:00",
                    "2025-01-05 12:00",
                    "2025-01-06 00:30",
                    "2025-01-07 06:00",
                    "2025-01-14 18:00",
                ]
            ),
            "handled_by": ["bot", "bot", "human", "bot", "human", "self", "bot", "bot", "human"],
        }
    )
    own = source["contacts"].dropna(subset=["issue_id"])[["customer_id", "issue_id", "started_at", "handled_by"]]
    own = own.astype({"handled_by": "str", "issue_id": "int64"}).reset_index(drop=True)
    return [(tiny, 7), (tiny, 30), (own, 3)]


def _loop(_: Source) -> Callable[..., float]:
    def came_back(contacts: pd.DataFrame, days: float) -> float:
        later = contacts.groupby("issue_id")["started_at"].apply(list).to_dict()
        hits = [
            any(0 < (other - at).total_seconds() <= days * 86_400 for other in later[issue])
            for issue, at, who in zip(contacts["issue_id"], contacts["started_at"], contacts["handled_by"], strict=True)
            if who == "bot"
        ]
        return sum(hits) / len(hits)

    return came_back


# ---- 3.6, 3.Q4 within the kind of matter


@functools.lru_cache(maxsize=8)
def _comparison(source: Source) -> relationships.Comparison:
    return relationships.compare_handlers(source["contacts"], "bot", "human", window_days=DAYS)


def _weighted(source: Source, weight: str) -> float:
    table = _comparison(source).table
    weights = table[weight] if weight in table else pd.Series(1.0, index=table.index)
    return float(((table["share_bot"] - table["share_human"]) * weights).sum() / weights.sum())


def _weighted_by_the_two(source: Source) -> float:
    """The difference, weighed with the first contacts of the two that are compared."""
    firsts = _outcomes(source).query("first and handled_by in ('bot', 'human')")
    table = _comparison(source).table
    weights = table["topic"].map(firsts["topic"].astype(str).value_counts())
    return float(((table["share_bot"] - table["share_human"]) * weights).sum() / weights.sum())


def _hardest(source: Source) -> str:
    table = _comparison(source).table
    return str(table["topic"].iloc[int((table["share_human"] - table["share_bot"]).to_numpy().argmax())])


def _nearest(source: Source) -> str:
    table = _comparison(source).table
    return str(table["topic"].iloc[int((table["share_human"] - table["share_bot"]).to_numpy().argmin())])


# ---- 3.7 cost to serve


@functools.lru_cache(maxsize=8)
def _served(source: Source) -> pd.DataFrame:
    return relationships.cost_to_serve(source["contacts"], window_days=DAYS).set_index("first")


def _own_cost_only(source: Source) -> float:
    return float(_bot(source)["cost_eur"].mean() / _served(source)["solved"]["bot"])


@functools.lru_cache(maxsize=8)
def _profits(source: Source) -> pd.DataFrame:
    return relationships.profit_by_customer(source["orders"], source["contacts"])


def _private(source: Source) -> pd.DataFrame:
    customers = source["customers"]
    ids = customers.loc[customers["account"] == "private", "customer_id"]
    return _profits(source)[_profits(source)["customer_id"].isin(ids)]


def _cost_share(table: pd.DataFrame) -> float:
    return float(table["cost_eur"].sum() / table["margin_eur"].sum())


# ---- 3.8 the portfolio


@functools.lru_cache(maxsize=8)
def _options(source: Source) -> pd.DataFrame:
    groups = source["customers"][["customer_id", "account"]].rename(columns={"account": "segment"})
    groups = groups.astype({"segment": "str"})
    cells = relationships.cost_to_serve(source["contacts"], customers=source["customers"], within=["topic"])
    table = relationships.segment_table(groups, source["contacts"], source["orders"])
    return relationships.service_options(table, relationships.service_by_type(cells), EXPECTED)


def _best(source: Source, *, limited: bool = True) -> float:
    hours = HOURS_EACH * len(source["customers"]) if limited else None
    return relationships.portfolio(_options(source), hours=hours).margin_eur


def _best_by_trying(source: Source) -> float:
    options = _options(source).assign(gain=lambda t: t["value_eur"] * t["effect"] - t["cost_eur"])
    parts = [part for _, part in options.groupby("segment")]
    pairs = parts[0].merge(parts[1], how="cross")
    within = pairs[pairs["hours_x"] + pairs["hours_y"] <= HOURS_EACH * len(source["customers"])]
    return float((within["gain_x"] + within["gain_y"]).max())


def _dearest(source: Source) -> float:
    """The plan that keeps most value, whatever it costs and takes."""
    options = _options(source)
    best = options.loc[(options["value_eur"] * options["effect"]).groupby(options["segment"]).idxmax()]
    return float((best["value_eur"] * best["effect"]).sum())


# ---- 3.Q1, 3.Q2


def _asked(source: Source) -> tuple[int, int]:
    return int(_bot(source)["requested_person"].sum()), len(_bot(source))


def _wilson(source: Source, end: int = 0) -> float:
    return float(wilson(*_asked(source))[end])


def _wald(source: Source) -> float:
    x, n = _asked(source)
    return x / n - 1.96 * float(np.sqrt(x / n * (1 - x / n) / n))


def _by_topic(source: Source, measure: str = "contained") -> pd.DataFrame:
    table = _settled_bot(source)
    shares = table[measure].astype(float).groupby(table["topic"].astype(str)).mean()
    return shares.rename("contained").reset_index()


QUESTIONS = (
    Question(
        name="3.1",
        title="How much the bot does",
        ask=(
            "What share of all contacts in the log, those that the company began too, is handled by the bot? Give a "
            "share between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        needs=("contacts",),
        solve=lambda source: (source["contacts"]["handled_by"] == "bot").mean(),
        means="It says how much the bot is asked. Whether it helps is another question.",
        hints=(
            "The column handled_by says who dealt with a contact.",
            "The mean of a column of True and False is a share; value_counts(normalize=True) does all at once.",
        ),
        misconceptions=(
            Misconception(
                "bot and self-service",
                lambda source: source["contacts"]["handled_by"].isin(["bot", "self"]).mean(),
                "This adds self-service. Both work without a person, but only the bot is asked for here.",
            ),
            Misconception(
                "of the contacts that customers began",
                lambda source: len(_bot(source)) / (source["contacts"]["initiated_by"].astype(str) == "customer").sum(),
                "This leaves out the contacts that the company began. The question asks for a share of all contacts.",
            ),
            Misconception(
                "customers instead of contacts",
                lambda source: _bot(source)["customer_id"].nunique() / source["contacts"]["customer_id"].nunique(),
                "This is the share of customers who met the bot at least once. Count contacts.",
            ),
        ),
        alternatives=(
            lambda source: source["contacts"]["handled_by"].value_counts(normalize=True)["bot"],
            lambda source: len(_bot(source)) / len(source["contacts"]),
        ),
        wrong=(lambda source: len(_bot(source)), lambda source: 1 - len(_bot(source)) / len(source["contacts"])),
    ),
    Question(
        name="3.2",
        title="Who is served by a person",
        ask=(
            "For private and for business customers: what share of the contacts that they began is handled by a person "
            "(human)? Give a table with the columns account and share."
        ),
        kind="table",
        share=True,
        keys=("account",),
        relative=0,
        absolute=0.001,
        needs=("contacts.initiated_by", "customers.account"),
        solve=_by_person,
        means="Compare it with what each of them expects, not with the other.",
        hints=(
            "Keep the contacts whose initiated_by is customer.",
            "The table customers says what account each customer has: merge it with the contacts on customer_id.",
            "Add a column that is True where handled_by is human, group by account, and take its mean.",
        ),
        misconceptions=(
            Misconception(
                "what the company began",
                functools.partial(_by_person, everything=True),
                "This counts the calls of the company too, such as account reviews. Keep what customers began.",
            ),
            Misconception(
                "share of all contacts",
                _of_all,
                "These are shares of the contacts of both. Divide by the contacts of the same kind of account.",
            ),
            Misconception(
                "mean over customers",
                _mean_of_customers,
                "This averages each customer's share, so that somebody with one contact counts like somebody with "
                "thirty. Count contacts.",
            ),
        ),
        alternatives=(
            lambda source: _by_person(source).set_index("account"),
            lambda source: _by_person(source).set_index("account")["share"].rename(None),
        ),
        wrong=(
            lambda source: _by_person(source).iloc[:1],
            lambda source: _by_person(source).assign(share=lambda t: 1 - t["share"]),
            lambda _: 0.5,
        ),
    ),
    Question(
        name="3.3",
        title="How long ago",
        ask=(
            "How many days ago did a person last speak with a business customer? Give the median over the business "
            "customers to whom a person ever spoke, counted back from the last contact of the log."
        ),
        kind="number",
        relative=0,
        absolute=1.0,
        needs=("contacts", "customers.account"),
        solve=_silence,
        means="A median hides the longest silences: look at the customers above the ninth tenth as well.",
        hints=(
            "Keep the contacts that a person handled, of customers whose account is business.",
            "The largest started_at of each customer is the last time. Take it from the largest one of the whole log.",
            "A difference of moments has the accessor .dt.days.",
        ),
        misconceptions=(
            Misconception(
                "mean instead of median",
                functools.partial(_silence, mean=True),
                "This is the mean. A few customers with very long silences pull it up; the question asks for the "
                "median.",
            ),
            Misconception(
                "any contact",
                functools.partial(_silence, anybody=True),
                "This counts bot and self-service too. Keep the contacts in which a person spoke.",
            ),
            Misconception(
                "private customers",
                functools.partial(_silence, account="private"),
                "These are the private customers. The question asks for the business customers.",
            ),
        ),
        alternatives=(
            lambda source: round(_silence(source), 1),
            lambda source: (
                relationships.last_spoken(source["contacts"])
                .merge(source["customers"])
                .query("account == 'business'")["days"]
                .median()
            ),
        ),
        wrong=(lambda source: _silence(source) + 5, lambda source: pd.Timedelta(days=_silence(source))),
    ),
    Question(
        name="3.4",
        title="Verified containment",
        ask=(
            f"What is the bot's verified containment: the share of its contacts that were not passed on, were recorded "
            f"as resolved, and were followed by no contact on the same issue within {DAYS} days? Leave out contacts in "
            f"the last {DAYS} days of the log. Give a share between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.002,
        needs=("contacts",),
        points=2,
        solve=lambda source: _settled_bot(source)["verified"].mean(),
        means="This is still the bot's own mix of cases, and it gets the easy ones.",
        hints=(
            "containment(contacts) gives a table with one row for each handler.",
            "By hand: sort by issue_id and started_at, and shift(-1) within the issue gives the next contact.",
        ),
        misconceptions=(
            Misconception(
                "raw containment",
                lambda source: _settled_bot(source)["contained"].mean(),
                "This is raw containment: not passed on. It also counts those who gave up or came back.",
            ),
            Misconception(
                "what the system recorded",
                lambda source: (_settled_bot(source)["contained"] & _settled_bot(source)["recorded"]).mean(),
                "This believes the flag resolved. Take off the contacts after which the customer came back.",
            ),
            Misconception(
                "nobody came back",
                lambda source: (_settled_bot(source)["contained"] & ~_settled_bot(source)["came_back"]).mean(),
                "Not coming back is not being helped: some gave up. The contact must be recorded as resolved too.",
            ),
            Misconception(
                "the last days too",
                lambda source: _outcomes(source).query("handled_by == 'bot'")["verified"].mean(),
                f"This counts the last {DAYS} days too, whose customers may still come back. Leave them out.",
            ),
        ),
        alternatives=(
            _by_hand,
            lambda source: relationships.containment(source["contacts"]).set_index("handled_by")["verified"]["bot"],
        ),
        wrong=(
            lambda source: 1 - _settled_bot(source)["verified"].mean(),
            lambda source: _settled_bot(source)["verified"].sum(),
        ),
    ),
    Question(
        name="3.5",
        title="Who came back",
        ask=(
            "Write came_back(contacts, days). The table contacts has customer_id, issue_id, started_at and handled_by. "
            "Return the share of the bot's contacts that were followed by another contact on the same issue within so "
            "many days."
        ),
        kind="function",
        returns="number",
        cases=_cases,
        points=3,
        relative=0,
        absolute=1e-6,
        needs=("contacts",),
        solve=lambda _: _came_back,
        means="The window is a choice: a longer one finds more who came back, and must wait longer for the answer.",
        hints=(
            "Sort by started_at first; then the next row of the same issue_id is the next contact.",
            "groupby('issue_id')['started_at'].shift(-1) brings the next moment into the row.",
            "Subtract, compare with pd.Timedelta(days=days), keep the rows of the bot, and take the mean.",
        ),
        misconceptions=(
            Misconception(
                "the same customer",
                lambda _: functools.partial(_came_back, by="customer_id"),
                "This looks at the customer's next contact about anything. Somebody with a new matter did not come "
                "back.",
            ),
            Misconception(
                "no window",
                lambda _: functools.partial(_came_back, ever=True),
                "This counts those who came back at any time. Compare the gap with days.",
            ),
            Misconception(
                "whole days",
                lambda _: _whole_days,
                "dt.days drops the hours: seven days and a half pass for seven. Compare with pd.Timedelta(days=days).",
            ),
            Misconception(
                "only the bot's own rows",
                lambda _: lambda contacts, days: _came_back(contacts[contacts["handled_by"] == "bot"], days),
                "This sees only who came back to the bot. Look for the next contact among all, then keep the bot's.",
            ),
        ),
        alternatives=(_loop, lambda _: lambda contacts, days: np.float64(_came_back(contacts, days))),
        wrong=(
            lambda _: lambda contacts, days: 1 - _came_back(contacts, days),
            lambda _: lambda contacts, days: _came_back(contacts, 2 * days) + 0.1,
            lambda _: lambda contacts, _days: (contacts["handled_by"] == "bot").mean(),
        ),
    ),
    Question(
        name="3.6",
        title="The same kind of matter",
        ask=(
            "How much lower or higher is the bot's verified containment than that of people within the same kind of "
            "matter? Weigh the difference of each topic with the topic's share in all first contacts. Give bot minus "
            "human, as a share: -0.1 means ten points lower."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.003,
        needs=("contacts",),
        points=2,
        solve=lambda source: _comparison(source).standardised.estimate,
        means="This is what would change if the bot took over people's matters as they are, more than it seemed.",
        hints=(
            "compare_handlers(contacts, 'bot', 'human') does it; its field standardised has what is asked.",
            "By hand: containment by handler and topic, the difference in each topic, then a weighted mean.",
        ),
        misconceptions=(
            Misconception(
                "naive difference",
                lambda source: _comparison(source).naive.estimate,
                "This compares the bot's easy cases with people's hard ones. Compare within each topic first.",
            ),
            Misconception(
                "the bot's own mix",
                functools.partial(_weighted, weight="n_bot"),
                "This weighs with the bot's own topics, the easy ones. Weigh with the topics of all first contacts.",
            ),
            Misconception(
                "every topic the same",
                functools.partial(_weighted, weight="equal"),
                "This counts a rare topic like a frequent one. Weigh each with its share in all first contacts.",
            ),
            Misconception(
                "turned round",
                lambda source: -_comparison(source).standardised.estimate,
                "This is human minus bot. The question asks for bot minus human.",
            ),
            Misconception(
                "weights of the two alone",
                _weighted_by_the_two,
                "This weighs with the first contacts of the bot and of people alone. Self-service and the community "
                "count in the topics of all first contacts too.",
            ),
        ),
        alternatives=(functools.partial(_weighted, weight="weight"),),
        wrong=(lambda source: 100 * _comparison(source).standardised.estimate, lambda _: 0.0),
    ),
    Question(
        name="3.7",
        title="What a resolution costs",
        ask=(
            "What does a resolution cost if the matter begins with the bot? Divide the cost of all contacts on these "
            "matters, whoever handled them, by the number of them that were solved in the end. Leave out matters that "
            f"are younger than {DAYS} days."
        ),
        kind="number",
        relative=0.005,
        needs=("contacts.cost_eur",),
        points=2,
        solve=lambda source: _served(source)["cost_per_resolution"]["bot"],
        means="The price of a contact is on the supplier's invoice. The price of a resolution is on nobody's.",
        hints=(
            "A matter is an issue_id: add up the cost of all its contacts, and see who handled the first one.",
            "cost_to_serve(contacts) has a column cost_per_resolution.",
        ),
        misconceptions=(
            Misconception(
                "cost of a contact",
                lambda source: _bot(source)["cost_eur"].mean(),
                "This is the price of a bot contact, solved or not, and without what follows.",
            ),
            Misconception(
                "cost of a contact of these matters",
                lambda source: _served(source)["cost_per_contact"]["bot"],
                "This is the cost of a contact on these matters. Divide by the matters that were solved.",
            ),
            Misconception(
                "only the bot's own contacts",
                _own_cost_only,
                "This leaves out the person who had to finish the work. Count every contact of the matter.",
            ),
            Misconception(
                "per matter",
                lambda source: _served(source)["cost_per_matter"]["bot"],
                "This is the cost of a matter, solved or not. Divide by those that were solved.",
            ),
            Misconception(
                "young matters too",
                lambda source: (
                    relationships.matters(source["contacts"])
                    .query("first == 'bot'")
                    .pipe(lambda t: t["cost_eur"].sum() / t["solved"].sum())
                ),
                f"This counts matters younger than {DAYS} days too, which may still go on. Leave them out.",
            ),
        ),
        alternatives=(
            lambda source: (
                relationships.matters(source["contacts"])
                .query("settled and first == 'bot'")
                .pipe(lambda t: t["cost_eur"].sum() / t["solved"].sum())
            ),
        ),
        wrong=(
            lambda source: 1.02 * _served(source)["cost_per_resolution"]["bot"],
            lambda source: _served(source)["cost_per_resolution"]["human"],
        ),
    ),
    Question(
        name="3.8",
        title="The best plan within the hours",
        ask=(
            "Two segments: private, which expects automated services, and business, which expects dedicated personal "
            "assistance. Make segment_table, service_by_type and service_options with their defaults (customers given "
            f"to cost_to_serve, within topic). People have {HOURS_EACH} hours a year for each customer of the "
            "company, all together. What yearly margin does the best plan earn?"
        ),
        kind="number",
        relative=0.005,
        needs=("orders.margin_eur", "contacts.cost_eur", "customers.account"),
        points=3,
        solve=_best,
        means="A limit changes the plan of the segments that need most time; what it costs is what an hour is worth.",
        hints=(
            "The segments are a table with customer_id and segment: rename the column account.",
            "The steps: cost_to_serve(contacts, customers=customers, within=['topic']), service_by_type, "
            "segment_table, service_options.",
            "portfolio(options, hours=...) gives a plan; its field margin_eur is asked for.",
        ),
        misconceptions=(
            Misconception(
                "no limit",
                functools.partial(_best, limited=False),
                "This plan takes more hours than there are. Give portfolio the hours.",
            ),
            Misconception(
                "most value kept",
                _dearest,
                "This keeps most value, whatever it costs and however many hours it takes.",
            ),
        ),
        alternatives=(_best_by_trying, lambda source: round(_best(source), 2)),
        wrong=(lambda source: 1.02 * _best(source) + 5, lambda source: _best(source) - abs(_best(source)) - 50),
    ),
    Question(
        name="3.Q1",
        title="How sure",
        ask=(
            "In what share of the bot's contacts did the customer ask for a person? Give the lower end of its 95 % "
            "interval (Wilson)."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        needs=("contacts.requested_person",),
        solve=_wilson,
        means="Below this end the data would be surprising. With fewer contacts it lies further from the share itself.",
        hints=(
            "The column requested_person says whether somebody asked.",
            "crkit.intervals has wilson(successes, n), which gives both ends.",
        ),
        misconceptions=(
            Misconception(
                "the share itself",
                lambda source: _asked(source)[0] / _asked(source)[1],
                "This is the share itself. The question asks for the lower end of its interval.",
            ),
            Misconception(
                "upper end",
                functools.partial(_wilson, end=1),
                "This is the upper end of the interval.",
            ),
            Misconception(
                "plus or minus two standard errors",
                _wald,
                "This is the textbook interval of Wald. It is too low here, and fails for small numbers; use Wilson's.",
            ),
        ),
        alternatives=(lambda source: wilson(*_asked(source))[0], lambda source: round(_wilson(source), 4)),
        wrong=(lambda source: _wilson(source) / 2, lambda source: 100 * _wilson(source)),
    ),
    Question(
        name="3.Q2",
        title="Raw containment by topic",
        ask=(
            "What is the bot's raw containment (the share not passed on) for each topic? Give a table with the columns "
            f"topic and contained. Leave out contacts in the last {DAYS} days of the log."
        ),
        kind="table",
        share=True,
        keys=("topic",),
        relative=0,
        absolute=0.001,
        needs=("contacts.escalated_to",),
        solve=_by_topic,
        means="Even the raw measure falls where matters are hard. Verified, it falls further.",
        hints=(
            "containment takes the columns to group by: by=['handled_by', 'topic'].",
            "Keep the rows of the bot.",
        ),
        misconceptions=(
            Misconception(
                "verified",
                functools.partial(_by_topic, measure="verified"),
                "This is verified containment. The question asks for the raw one, which only looks at who was passed "
                "on.",
            ),
        ),
        alternatives=(
            lambda source: relationships.containment(source["contacts"], by=["handled_by", "topic"]).query(
                "handled_by == 'bot'"
            )[["topic", "contained"]],
            lambda source: _by_topic(source).set_index("topic")["contained"],
        ),
        wrong=(
            lambda source: _by_topic(source).iloc[1:],
            lambda source: _by_topic(source).assign(contained=lambda t: t["contained"] - 0.1),
        ),
    ),
    Question(
        name="3.Q3",
        title="What service takes of the margin",
        ask=(
            "What share of the margin of private customers goes into serving them: the cost of all their contacts "
            "divided by the margin of all their orders? Give a share between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        needs=("orders.margin_eur", "contacts.cost_eur", "customers.account"),
        solve=lambda source: _cost_share(_private(source)),
        means="If the share is small, cutting service saves little; what it keeps or loses counts for more.",
        hints=(
            "profit_by_customer(orders, contacts) gives margin_eur and cost_eur for each customer.",
            "Keep the private customers, add up both columns, and divide.",
        ),
        misconceptions=(
            Misconception(
                "all customers",
                lambda source: _cost_share(_profits(source)),
                "This counts the firms too. Keep the private customers.",
            ),
            Misconception(
                "mean of each customer's share",
                lambda source: (
                    _private(source)
                    .query("margin_eur > 0")
                    .pipe(lambda table: (table["cost_eur"] / table["margin_eur"]).mean())
                ),
                "This averages each customer's own share. Add up first, then divide.",
            ),
        ),
        alternatives=(lambda source: np.float64(_cost_share(_private(source))),),
        wrong=(
            lambda source: _cost_share(_private(source)) + 0.01,
            lambda source: _private(source)["cost_eur"].sum(),
        ),
    ),
    Question(
        name="3.Q4",
        title="Where people are missed most",
        ask=(
            "In which topic is the bot's verified containment furthest below that of people? Count topics that each of "
            "them handled five times or more."
        ),
        kind="choice",
        choices=TOPICS,
        needs=("contacts",),
        solve=_hardest,
        means="This is the last topic to automate, however cheap a bot's contact is.",
        hints=(
            "compare_handlers(contacts, 'bot', 'human') has a table with one row for each topic.",
            "Subtract share_bot from share_human, and look for the largest difference.",
        ),
        misconceptions=(
            Misconception(
                "smallest difference",
                _nearest,
                "Here the two are nearest to each other: this is a topic for the bot.",
            ),
        ),
        alternatives=(lambda source: f" {_hardest(source).upper()}",),
        wrong=(_nearest, lambda _: "billing and delivery", lambda _: 2),
    ),
)
