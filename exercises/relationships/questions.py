"""The assignment on relationships: does each kind of customer get the relationship it expects, and does it help?"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crkit import relationships
from crkit.assignments import Assignment, Plant, coinciding, source_of
from crkit.company import BOT, HANDLERS, MODEL, SCENARIOS, TOPICS, Company
from crkit.datasets import Source
from crkit.intervals import wilson
from crkit.questions.core import Criterion, Misconception, Question

KINDS = ("homes", "offices", "cafes")
MACHINES = ("self", "bot")
DAYS = 7
TOO_DEAR = 0.3
UNSOLVED_EUR = 40.0
CHANGE = "2025-04-01"
STEP = "The method is right and one step of it is not: half of the points."
BEGAN = "Contacts that the company began, such as account reviews, do not count."


# ---- the company as the questions see it


@functools.lru_cache(maxsize=32)
def _contacts(source: Source) -> pd.DataFrame:
    """The contact log with the kind of the customer, in plain types, which are quicker than categories."""
    customers = source["customers"]
    firm, contract = customers["account"] == "business", customers["plan"] == "contract"
    kind = pd.Series(np.where(firm, np.where(contract, "offices", "cafes"), "homes"), index=customers["customer_id"])
    contacts = source["contacts"].astype({"handled_by": "str", "topic": "str", "initiated_by": "str"})
    return contacts.assign(kind=contacts["customer_id"].map(kind), person=contacts["handled_by"] == "human")


@functools.lru_cache(maxsize=32)
def _begun(source: Source) -> pd.DataFrame:
    """The contacts that customers began."""
    contacts = _contacts(source)
    return contacts[contacts["initiated_by"] == "customer"]


@functools.lru_cache(maxsize=32)
def _outcomes(source: Source) -> pd.DataFrame:
    """Each contact on a matter: whether the customer came back, whether it helped, whether the log can tell."""
    contacts = _contacts(source)
    about = contacts[contacts["issue_id"].notna()].sort_values(["issue_id", "started_at"])
    follows = about.groupby("issue_id")["started_at"].shift(-1)
    came_back = (follows - about["started_at"]) <= pd.Timedelta(days=DAYS)
    contained = about["escalated_to"].isna()
    return about.assign(
        first=~about["issue_id"].duplicated(),
        came_back=came_back,
        contained=contained,
        verified=contained & about["resolved"] & ~came_back,
        settled=about["started_at"] <= contacts["started_at"].max() - pd.Timedelta(days=DAYS),
    )


@functools.lru_cache(maxsize=32)
def _settled(source: Source) -> pd.DataFrame:
    outcomes = _outcomes(source)
    return outcomes[outcomes["settled"]]


@functools.lru_cache(maxsize=32)
def _matters(source: Source) -> pd.DataFrame:
    """One row a settled matter: how it began, what it cost, how it ended."""
    each = _outcomes(source).groupby("issue_id")
    table = each.agg(
        topic=("topic", "first"),
        began=("handled_by", "first"),
        first_eur=("cost_eur", "first"),
        cost_eur=("cost_eur", "sum"),
        solved=("resolved", "last"),
        settled=("settled", "first"),
    )
    return table[table["settled"]]


# ---- 1 how long firms wait for a person


def _waits(contacts: pd.DataFrame) -> pd.Series:
    return contacts.loc[contacts["person"] & (contacts["kind"] != "homes"), "wait_minutes"]


# ---- 2 what a matter takes, by topic


def _by_topic(source: Source, *, first_only: bool = False, by_contact: bool = False) -> pd.DataFrame:
    about = _outcomes(source)
    each = about.groupby("topic")
    table = pd.DataFrame({"matters": each["issue_id"].nunique(), "contacts_per_matter": each.size()})
    table["contacts_per_matter"] /= table["matters"]
    cost = (about[about["first"]] if first_only else about).groupby("topic")["cost_eur"].sum()
    table["eur_per_matter"] = cost / (each.size() if by_contact else table["matters"])
    return table.reset_index()


def _contacts_as_matters(source: Source) -> pd.DataFrame:
    each = _outcomes(source).groupby("topic")
    table = pd.DataFrame(
        {"matters": each.size(), "contacts_per_matter": 1.0, "eur_per_matter": each["cost_eur"].mean()}
    )
    return table.reset_index()


def _by_topic_of_the_kit(source: Source) -> pd.DataFrame:
    matters = relationships.matters(source["contacts"]).astype({"topic": "str"})
    table = matters.groupby("topic").agg(
        matters=("issue_id", "size"), contacts_per_matter=("contacts", "mean"), eur_per_matter=("cost_eur", "mean")
    )
    return table.round(2)


# ---- 3 from a machine to a person


def _passed(
    contacts: pd.DataFrame,
    hours: float,
    *,
    of_all: bool = False,
    anybody: bool = False,
    any_contact: bool = False,
    whenever: bool = False,
) -> float:
    """What question 3 asks for, and its known wrong ways."""
    about = contacts[contacts["issue_id"].notna()]
    begun = about.drop_duplicates("issue_id").set_index("issue_id")  # the rows come by time
    wait = about["started_at"] - about["issue_id"].map(begun["started_at"])
    machine = about["issue_id"].map(begun["handled_by"]).isin(MACHINES)
    later = (wait > pd.Timedelta(0)) & (whenever | (wait <= pd.Timedelta(hours=hours)))
    reached = about.loc[later & machine & (anybody | (about["handled_by"] == "human")), "issue_id"]
    if any_contact:
        return len(reached) / int(machine.sum())
    return reached.nunique() / (len(begun) if of_all else int(begun["handled_by"].isin(MACHINES).sum()))


def _way(**way: bool) -> Callable[[Source], Callable[..., float]]:
    return lambda _: lambda contacts, hours: _passed(contacts, hours, **way)


def _passed_by_loop(_: Source) -> Callable[..., float]:
    def passed(contacts: pd.DataFrame, hours: float) -> float:
        machine = reached = 0
        for _, matter in contacts.dropna(subset=["issue_id"]).groupby("issue_id"):
            matter = matter.sort_values("started_at")
            if matter["handled_by"].iloc[0] not in MACHINES:
                continue
            machine += 1
            people = matter.loc[matter["handled_by"] == "human", "started_at"]
            within = (people - matter["started_at"].iloc[0]).dt.total_seconds() <= 3600 * hours
            reached += bool(within.any())
        return reached / machine

    return passed


def _cases(source: Source) -> list[tuple[Any, ...]]:
    rows = [
        (5, "2025-03-01 09:00", "bot"),
        (5, "2025-03-01 09:40", "human"),
        (6, "2025-03-01 10:00", "self"),
        (6, "2025-03-04 10:00", "human"),
        (7, "2025-03-02 11:00", "human"),
        (7, "2025-03-02 18:00", "human"),
        (8, "2025-03-02 12:00", "bot"),
        (9, "2025-03-03 08:00", "bot"),
        (9, "2025-03-03 15:00", "bot"),
        (9, "2025-03-12 09:00", "human"),
        (None, "2025-03-03 09:00", "human"),
        (10, "2025-03-05 09:00", "bot"),
        (10, "2025-03-05 12:00", "human"),
        (10, "2025-03-05 20:00", "human"),
    ]
    tiny = pd.DataFrame(rows, columns=["issue_id", "started_at", "handled_by"]).sort_values(
        "started_at", ignore_index=True
    )
    tiny["started_at"] = pd.to_datetime(tiny["started_at"]).astype("datetime64[s]")
    tiny["issue_id"] = tiny["issue_id"].astype("Int64")
    own = _contacts(source)
    some = own.loc[own["issue_id"] <= own["issue_id"].min() + 150, ["issue_id", "started_at", "handled_by"]]
    return [(tiny, 24), (some.reset_index(drop=True), 48)]


# ---- 4 recorded as resolved, and back again


def _back_again(source: Source) -> float:
    bot = _settled(source).query("handled_by == 'bot'")
    return float(bot.loc[bot["resolved"], "came_back"].mean())


def _back_again_by_the_kit(source: Source) -> float:
    bot = relationships.containment(source["contacts"]).set_index("handled_by").loc["bot"]
    return float(1 - bot["verified"] / bot["recorded"])


def _back_of_all(source: Source) -> float:
    bot = _settled(source).query("handled_by == 'bot'")
    return float((bot["resolved"] & bot["came_back"]).mean())


def _back_reversed(source: Source) -> float:
    bot = _settled(source).query("handled_by == 'bot'")
    return float(bot.loc[bot["came_back"], "resolved"].mean())


def _back_any(source: Source) -> float:
    return float(_settled(source).query("handled_by == 'bot'")["came_back"].mean())


# ---- 5 who gets what they expect


@functools.lru_cache(maxsize=32)
def _fits(source: Source, *, company_too: bool = False, by_customer: bool = False, all_people: bool = False) -> Any:
    contacts = _contacts(source) if company_too else _begun(source)
    fits = contacts["person"]
    if not all_people:
        fits = fits.where(contacts["kind"] != "homes", contacts["handled_by"].isin(MACHINES))
    each = contacts.assign(fits=fits).groupby("kind")["fits"]
    table = pd.DataFrame({"contacts": each.size(), "fits": each.mean()})
    table["lower"] = wilson(each.sum(), each.size())[0]
    if by_customer:
        mean = contacts.assign(fits=fits).groupby(["kind", "customer_id"])["fits"].mean()
        table["fits"] = mean.groupby("kind").mean()
    return table.reset_index()


# ---- 6 two machines on the same matters


@functools.lru_cache(maxsize=32)
def _fair(source: Source, *, naive: bool = False, measure: str = "verified") -> float:
    """Self-service minus the bot."""
    settled, outcomes = _settled(source), _outcomes(source)
    if naive:
        share = settled.groupby("handled_by")[measure].mean()
        return float(share["self"] - share["bot"])
    share = settled.astype({measure: float}).pivot_table(index="topic", columns="handled_by", values=measure)
    weight = outcomes[outcomes["first"]].groupby("topic").size()
    return float((weight * (share["self"] - share["bot"])).sum() / weight.sum())


def _fair_by_the_kit(source: Source) -> float:
    return relationships.compare_handlers(source["contacts"], "self", "bot").standardised.estimate


# ---- 7 where the bot leaves most unhelped


@functools.lru_cache(maxsize=32)
def _unhelped(source: Source) -> pd.DataFrame:
    bot = _settled(source).query("handled_by == 'bot'")
    each = bot.groupby("topic")["verified"]
    return pd.DataFrame({"contacts": each.size(), "unhelped": each.size() - each.sum(), "share": 1 - each.mean()})


# ---- 8 who costs too much


def _over_served(source: Source, *, money: str = "margin_eur", by_order: bool = False) -> float:
    cost = _contacts(source).groupby("customer_id")["cost_eur"].sum()
    each = source["orders"].groupby("customer_id")[money]
    brought = each.mean() if by_order else each.sum()
    return float((cost.reindex(brought.index, fill_value=0.0) > TOO_DEAR * brought).sum())


def _over_served_by_the_kit(source: Source) -> float:
    table = relationships.profit_by_customer(source["orders"], source["contacts"])
    return float((table["cost_eur"] > TOO_DEAR * table["margin_eur"]).sum())


# ---- 9 what one more solved matter costs


@functools.lru_cache(maxsize=32)
def _sides(source: Source, topic: str | None = None, *, cost: str = "cost_eur") -> pd.DataFrame:
    """Matters that began with the bot and with a person: how many, mean cost, share solved."""
    matters = _matters(source)
    if topic is not None:
        matters = matters[matters["topic"] == topic]
    each = matters[matters["began"].isin(["bot", "human"])].groupby("began")
    return pd.DataFrame({"matters": each.size(), "cost": each[cost].mean(), "solved": each["solved"].mean()})


def _extra(sides: pd.DataFrame) -> float:
    """What one more solved matter costs if matters begin with a person."""
    gap = sides.loc["human"] - sides.loc["bot"]
    return float(gap["cost"] / gap["solved"]) if gap["solved"] else math.inf


def _worst(source: Source, pick: str = "unhelped") -> str:
    return str(_unhelped(source)[pick].idxmax())


def _per_resolution(source: Source) -> float:
    sides = _sides(source, _worst(source))
    price = sides["cost"] / sides["solved"]
    return float(price["human"] - price["bot"])


def _extra_by_the_kit(source: Source) -> float:
    cost = relationships.cost_to_serve(source["contacts"], within=["topic"])
    cost = cost[cost["topic"] == _worst(source)].set_index("first")
    gap = cost.loc["human", ["cost_per_matter", "solved"]] - cost.loc["bot", ["cost_per_matter", "solved"]]
    return float(gap["cost_per_matter"] / gap["solved"])


# ---- 10 has anything changed?


def _change(source: Source, *, company_too: bool = False, everybody: bool = False) -> float:
    contacts = _contacts(source) if company_too else _begun(source)
    if not everybody:
        contacts = contacts[contacts["kind"] != "homes"]
    share = contacts.groupby(contacts["started_at"] >= CHANGE)["person"].mean()
    return float(share[True] - share[False])


def _deviations(source: Source) -> float:
    """The change in standard errors, as if contacts were independent."""
    contacts = _begun(source)
    contacts = contacts[contacts["kind"] != "homes"]
    each = contacts.groupby(contacts["started_at"] >= CHANGE)["person"].agg(["mean", "size"])
    return abs(_change(source)) / float(np.sqrt((each["mean"] * (1 - each["mean"]) / each["size"]).sum()))


RUBRIC_TOPIC = (
    Criterion(
        "the claim follows from the number",
        (
            (
                2,
                "The claim says hand back or keep, names the topic, and compares the number with the 40 EUR.",
                "Let people begin with defects again: one more solved matter costs 14 EUR there, and an unsolved one "
                "loses 40 EUR.",
            ),
            (
                1,
                "The claim agrees with the number, but does not compare it with what an unsolved matter loses.",
                "The bot should not deal with defects, since it solves fewer.",
            ),
            (0, "The claim contradicts the number, or does without it.", "Bots are cheaper, so keep the bot."),
        ),
    ),
    Criterion(
        "the action, and what the number leaves open",
        (
            (
                2,
                "Who changes what by when, and one reason why the number may be off: recorded is not solved, the bot "
                "gets the easier cases, the 40 EUR are assumed.",
                "The head of service routes defects to people from 1 March and rings 30 customers whose matter the bot "
                "closed as solved: the flag may hide failures, so the price may be lower still.",
            ),
            (1, "A step that can be carried out, or a caution, but not both.", "Route defects to people from 1 March."),
            (0, "Neither.", "Improve the bot."),
        ),
    ),
)

RUBRIC_CHANGE = (
    Criterion(
        "the claim says what the number can carry",
        (
            (
                2,
                "The claim says whether the change is more than chance (an interval, or a comparison with its standard "
                "error), and in which direction.",
                "Firms get fewer people: the share fell by 21 points, 95 % interval 15 to 27, so the sentence is "
                "wrong.",
            ),
            (
                1,
                "The direction is right, but chance is not spoken of.",
                "The share of people fell by 21 points since April.",
            ),
            (
                0,
                "The claim contradicts the number, or calls a change that chance explains a trend.",
                "Service got worse.",
            ),
        ),
    ),
    Criterion(
        "the action fits the claim",
        (
            (
                2,
                "If there was a change: who finds out its cause, by when, and what would be put back. If not: what is "
                "watched from now on, and from which value on somebody acts.",
                "The head of service finds out by Friday what was changed in the routing in April, and puts firms back "
                "to people for a month; we compare the share at its end.",
            ),
            (1, "An action without an owner, a date or a measure.", "Put people back on the phone."),
            (0, "No action, or one against the claim.", "Wait and see."),
        ),
    ),
)


def _slip(name: str, solve: Callable[[Source], Any], says: str, credit: float = 0.0) -> Misconception:
    return Misconception(name, solve, says, credit=credit)


QUESTIONS = (
    Question(
        name="1",
        title="How long a firm waits for a person",
        ask=(
            "How many minutes does a firm (account business) wait for a person? Take the contacts that firms began and "
            "that a person handled (handled_by human). Give the median of wait_minutes."
        ),
        kind="number",
        solve=lambda source: float(_waits(_begun(source)).median()),
        relative=0.002,
        absolute=0.05,
        needs=("contacts", "customers"),
        level="apply",
        basis="contacts of customers with account business, initiated_by customer, handled_by human; the median of "
        "wait_minutes.",
        hints=(
            "Three conditions: whose contact it is, who began it, who handled it. Join them with &.",
            "Merge account into contacts by customer_id.",
        ),
        misconceptions=(
            _slip(
                "the mean, not the median",
                lambda source: float(_waits(_begun(source)).mean()),
                "This is the mean, which the long waits for an email pull up. " + STEP,
                0.5,
            ),
            _slip(
                "contacts that the company began",
                lambda source: float(_waits(_contacts(source)).median()),
                f"{BEGAN} Nobody waits in them. {STEP}",
                0.5,
            ),
            _slip(
                "whoever handled it",
                lambda source: float(_begun(source).query("kind != 'homes'")["wait_minutes"].median()),
                "This counts the bot and self-service, too, which answer at once. The question is about people.",
            ),
        ),
        alternatives=(lambda source: round(float(_waits(_begun(source)).median()), 1),),
        wrong=(
            lambda source: float(_waits(_begun(source)).median()) / 60,
            lambda source: float(_waits(_begun(source)).max()),
        ),
    ),
    Question(
        name="2",
        title="What a matter takes",
        ask=(
            "Contacts with the same issue_id are one matter, and contacts without one are none. For each topic: how "
            "many matters are there, how many contacts does a matter take, and what do all its contacts together cost, "
            "on average? Give a table with the columns topic, matters, contacts_per_matter and eur_per_matter; two "
            "decimals are enough."
        ),
        kind="table",
        solve=_by_topic,
        points=2,
        relative=0,
        absolute=0.006,
        keys=("topic",),
        needs=("contacts",),
        level="apply",
        basis="contacts with an issue_id, by topic: different issue_id, rows, and the sum of cost_eur; the last two "
        "divided by the first.",
        hints=(
            "nunique of issue_id counts matters, size counts contacts.",
            "A matter carries the cost of all of its contacts: divide the sum by the number of matters.",
        ),
        misconceptions=(
            _slip(
                "the cost of a contact",
                lambda source: _by_topic(source, by_contact=True),
                "eur_per_matter is the cost of a contact here. Divide the sum by the number of matters. " + STEP,
                0.5,
            ),
            _slip(
                "the cost of the first contact",
                lambda source: _by_topic(source, first_only=True),
                "eur_per_matter holds the first contacts only. What follows is paid as well. " + STEP,
                0.5,
            ),
            _slip(
                "contacts counted as matters",
                _contacts_as_matters,
                "Each contact was counted as a matter of its own. Contacts with the same issue_id are one.",
            ),
        ),
        alternatives=(
            lambda source: _by_topic(source).round(2),
            _by_topic_of_the_kit,
            lambda source: _by_topic(source).iloc[::-1].set_index("topic"),
        ),
        wrong=(
            lambda source: _by_topic(source).iloc[1:],
            lambda source: _by_topic(source).drop(columns="matters"),
        ),
    ),
    Question(
        name="3",
        title="From a machine to a person",
        ask=(
            "Write answer_3(contacts, hours). The table contacts has issue_id, started_at and handled_by; rows without "
            "an issue_id do not count, and the rows come by time. Of the matters whose first contact was handled by a "
            "machine (self or bot), return the share in which a person (human) handled a contact on the same matter at "
            "most so many hours after the first. A share between 0 and 1."
        ),
        kind="function",
        returns="number",
        solve=_way(),
        cases=_cases,
        points=3,
        relative=0,
        absolute=0.002,
        share=True,
        needs=("contacts",),
        level="apply",
        basis="the table that the function is given: the first contact of each matter, and the contacts of people on "
        "it within the hours given.",
        hints=(
            "transform('first') on the groups by issue_id puts the first moment and handler beside every contact.",
            "A matter counts once, however many contacts with people it had: nunique.",
            "Below the line stand the matters that began with a machine.",
        ),
        misconceptions=(
            _slip(
                "of all matters",
                _way(of_all=True),
                "It was divided by all matters. The question asks for a share of those that began with a machine. "
                + STEP,
                0.5,
            ),
            _slip(
                "whenever it was",
                _way(whenever=True),
                "The hours were not used: a person counts only at most so many hours after the first contact. " + STEP,
                0.5,
            ),
            _slip(
                "whoever came next",
                _way(anybody=True),
                "Any later contact was counted, a machine's too. The question asks for a person. " + STEP,
                0.5,
            ),
            _slip(
                "contacts, not matters",
                _way(any_contact=True),
                "Contacts were counted. A matter that reached a person twice counts once.",
            ),
        ),
        alternatives=(_passed_by_loop, lambda _: lambda contacts, hours: round(_passed(contacts, hours), 2)),
        wrong=(
            lambda _: lambda contacts, hours: 1 - _passed(contacts, hours),
            lambda _: lambda contacts, hours: float((contacts["handled_by"] == "human").mean()) + 0 * hours,
        ),
    ),
    Question(
        name="4",
        title="Closed as resolved, and back again",
        ask=(
            "Of the bot's contacts that the system recorded as resolved, in what share did the customer come back on "
            f"the same matter within {DAYS} days? Leave out contacts without an issue_id, and those in the last {DAYS} "
            "days of the log. Give a share between 0 and 1; two decimals are enough."
        ),
        kind="number",
        solve=_back_again,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        needs=("contacts",),
        level="analyse",
        basis=f"contacts with handled_by bot and resolved true, older than {DAYS} days: the share with another contact "
        f"of the same issue_id within {DAYS} days.",
        hints=(
            "contact_outcomes has what you need: recorded, came_back and settled.",
            "Choose the contacts that were recorded as resolved first, then take the mean of came_back.",
        ),
        misconceptions=(
            _slip(
                "of all the bot's contacts",
                _back_of_all,
                "The number is right above the line; below it stand all of the bot's contacts, not those recorded as "
                "resolved. " + STEP,
                0.5,
            ),
            _slip(
                "the other way round",
                _back_reversed,
                "This is the share recorded as resolved among those who came back. The question asks for those who "
                "came back among the resolved.",
            ),
            _slip(
                "whatever was recorded",
                _back_any,
                "This counts every customer who came back, those too whose contact was recorded as unresolved.",
            ),
        ),
        alternatives=(_back_again_by_the_kit, lambda source: round(_back_again(source), 2)),
        wrong=(lambda source: 1 - _back_again(source), lambda source: _back_again(source) / 7),
    ),
    Question(
        name="5",
        title="Who gets what they expect",
        ask=(
            "Say that homes expect a machine (self or bot), and offices and cafes expect a person (human). For each "
            "kind: how many contacts did its customers begin, what share of them was handled as it expects (fits), and "
            "what is the lower end of the 95 % Wilson interval of that share (lower)? Give a table with the columns "
            "kind, contacts, fits and lower; two decimals are enough."
        ),
        kind="table",
        solve=_fits,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        keys=("kind",),
        needs=("contacts", "customers"),
        level="analyse",
        basis="contacts with initiated_by customer, by kind: whether handled_by is what the kind expects; their mean, "
        "and intervals.wilson of their number.",
        hints=(
            "Make a column that is true where the contact fits, then group by kind.",
            "intervals.wilson takes how many fit and of how many; it gives the lower and the upper ends.",
        ),
        misconceptions=(
            _slip(
                "contacts that the company began",
                lambda source: _fits(source, company_too=True),
                f"{BEGAN} They say what it planned. {STEP}",
                0.5,
            ),
            _slip(
                "customers, not contacts",
                lambda source: _fits(source, by_customer=True),
                "fits is the mean over customers here. The question counts contacts. " + STEP,
                0.5,
            ),
            _slip(
                "everybody expects a person",
                lambda source: _fits(source, all_people=True),
                "Homes were judged by what firms expect. Homes expect a machine.",
            ),
        ),
        alternatives=(
            lambda source: _fits(source).round(3),
            lambda source: _fits(source).round({"fits": 2, "lower": 2}).set_index("kind"),
        ),
        wrong=(
            lambda source: _fits(source).assign(lower=lambda table: table["fits"]),
            lambda source: _fits(source).iloc[:2],
        ),
    ),
    Question(
        name="6",
        title="Two machines on the same matters",
        ask=(
            "Which machine helps more, self-service or the bot? They get different matters, so compare them within the "
            f"topic: verified containment ({DAYS} days), each topic weighed with its share in all first contacts, as "
            "compare_handlers does. Give self minus bot as a share: -0.1 means that self-service is ten points lower. "
            "Three decimals, please."
        ),
        kind="number",
        solve=_fair,
        points=3,
        relative=0,
        absolute=0.0006,
        needs=("contacts",),
        level="analyse",
        basis="contacts with an issue_id, by topic and handled_by: the verified share of self and of bot; their "
        "differences, weighed with each topic's share in all first contacts.",
        hints=(
            "compare_handlers takes the two handlers by name, and its first one comes first in the difference.",
            "Its standardised difference compares within the topic; its naive one does not.",
        ),
        misconceptions=(
            _slip(
                "as it comes",
                lambda source: _fair(source, naive=True),
                "This is the difference over all contacts. It mixes who is better with who gets the easier matters.",
            ),
            _slip(
                "believing the flag",
                lambda source: _fair(source, measure="resolved"),
                "This compares what the system recorded as resolved. Verified asks whether the customer came back. "
                + STEP,
                0.5,
            ),
            _slip(
                "bot minus self",
                lambda source: -_fair(source),
                "The difference is the wrong way round: the question asks for self minus bot. " + STEP,
                0.5,
            ),
        ),
        alternatives=(_fair_by_the_kit, lambda source: round(_fair(source), 3)),
        wrong=(lambda source: _fair(source) + 0.5, lambda source: _fair(source, naive=True, measure="contained") + 0.4),
    ),
    Question(
        name="7",
        title="Where the bot leaves most customers unhelped",
        ask=(
            "In which topic are there most contacts of the bot that did not help: passed on, not recorded as resolved, "
            f"or followed by another contact on the same matter within {DAYS} days? Count contacts, leaving out those "
            f"in the last {DAYS} days of the log."
        ),
        kind="choice",
        choices=TOPICS,
        solve=_worst,
        points=2,
        needs=("contacts",),
        level="analyse",
        basis="the bot's contacts by topic: how many are not verified.",
        hints=(
            "verified in contact_outcomes is true where a contact helped; count where it is false.",
            "A number of contacts is asked for: a topic with a low share can hold few of them.",
        ),
        misconceptions=(
            _slip(
                "the lowest share",
                lambda source: _worst(source, "share"),
                "There the share that was helped is lowest, but few bring this matter to the bot. Count contacts.",
            ),
            _slip(
                "the most contacts",
                lambda source: _worst(source, "contacts"),
                "There the bot has most contacts, helped and unhelped. Count those that did not help.",
            ),
        ),
        alternatives=(lambda source: _worst(source).replace("_", " ").title(),),
        wrong=(lambda source: str(_unhelped(source)["unhelped"].idxmin()), lambda _: "account review"),
    ),
    Question(
        name="8",
        title="Who costs too much to serve",
        ask=(
            "How many customers are over-served: the cost of all their contacts is more than "
            f"{TOO_DEAR:.0%} of the margin of all their orders? Contacts that the company began count here, since they "
            "are paid, too."
        ),
        kind="number",
        solve=_over_served,
        points=2,
        relative=0,
        absolute=0.25,
        needs=("contacts", "orders"),
        level="analyse",
        basis="cost_eur of contacts and margin_eur of orders, each added up by customer; how many customers have more "
        f"than {TOO_DEAR} times their margin in costs.",
        hints=(
            "profit_by_customer puts margin and cost side by side.",
            "The sum of a column of true and false counts.",
        ),
        misconceptions=(
            _slip(
                "revenue for margin",
                lambda source: _over_served(source, money="amount_eur"),
                "The cost was compared with the revenue. What pays for service is the margin. " + STEP,
                0.5,
            ),
            _slip(
                "the margin of an order",
                lambda source: _over_served(source, by_order=True),
                "The cost of all contacts was compared with the mean margin of an order. Add up the margins. " + STEP,
                0.5,
            ),
        ),
        alternatives=(_over_served_by_the_kit, lambda source: int(_over_served(source))),
        wrong=(
            lambda source: _over_served(source) + 1,
            lambda source: _over_served(source) / source["orders"]["customer_id"].nunique(),
        ),
    ),
    Question(
        name="9",
        title="Take the topic away from the bot?",
        ask=(
            "Should matters of the topic that you named in question 7 begin with a person again? Compare the matters "
            "of this topic that began with a person (handled_by human) with those that began with the bot, leaving "
            f"out matters that began in the last {DAYS} days of the log. Give a dict with claim, number and action. "
            "The number: what one more solved matter costs, in EUR, which is the difference of the mean cost of a "
            "matter (all of its contacts) divided by the difference of the shares solved (the last contact is recorded "
            f"as resolved). Suppose that an unsolved matter loses {UNSOLVED_EUR:.0f} EUR of margin."
        ),
        kind="decision",
        solve=lambda source: _extra(_sides(source, _worst(source))),
        points=2,
        relative=0.01,
        needs=("contacts",),
        level="evaluate",
        basis="cost_to_serve within topic, without customers: cost_per_matter and solved of human less those of bot, "
        "in the topic with most unhelped contacts; the one divided by the other.",
        rubric=RUBRIC_TOPIC,
        hints=(
            "cost_to_serve with within=['topic'] has a row for each beginning and topic.",
            "cost_per_matter is what a matter takes with all that follows; solved is the share solved in the end.",
        ),
        misconceptions=(
            _slip(
                "the topic with the lowest share",
                lambda source: _extra(_sides(source, _worst(source, "share"))),
                "This is the number of the topic where the bot's share is lowest, and not of the one with most "
                "unhelped contacts. " + STEP,
                0.5,
            ),
            _slip(
                "the cost of the first contact",
                lambda source: _extra(_sides(source, _worst(source), cost="first_eur")),
                "The costs are those of the first contacts. A matter that the bot does not solve goes on to a person, "
                "which is paid, too. " + STEP,
                0.5,
            ),
            _slip(
                "all topics together",
                lambda source: _extra(_sides(source)),
                "This is over all topics. The bot gets the easy ones, so the comparison must stay within one.",
            ),
            _slip(
                "the difference of two prices",
                _per_resolution,
                "This is the cost of a resolution with a person less that with the bot. It does not say what the "
                "additional ones cost.",
            ),
        ),
        alternatives=(_extra_by_the_kit, lambda source: round(_extra(_sides(source, _worst(source))), 1)),
        wrong=(
            lambda source: -_extra(_sides(source, _worst(source))),
            lambda source: float(_sides(source, _worst(source))["cost"].diff().iloc[-1]),
        ),
    ),
    Question(
        name="10",
        title="Has nothing changed?",
        ask=(
            f'"Nothing has changed in how we serve firms since 1 April 2025", says the chief executive. Take the '
            "contacts that firms began. Give a dict with claim, number and action. The number: the share of them that "
            f"a person (human) handled from {CHANGE} on, less that share before it, so that -0.1 means ten points "
            "fewer. Three decimals, please. Say in the claim whether chance alone may explain it."
        ),
        kind="decision",
        solve=_change,
        points=2,
        relative=0,
        absolute=0.002,
        needs=("contacts", "customers"),
        level="evaluate",
        basis=f"contacts of firms with initiated_by customer, before {CHANGE} and from then on: the share with "
        "handled_by human, and the difference.",
        rubric=RUBRIC_CHANGE,
        hints=(
            "Group the firms' contacts by started_at >= the day, and take the mean of handled_by == 'human'.",
            "intervals.wilson for each side, or the standard error of a difference of shares, says what chance can do.",
        ),
        misconceptions=(
            _slip(
                "contacts that the company began",
                lambda source: _change(source, company_too=True),
                f"{BEGAN} Their number changes for reasons of its own. {STEP}",
                0.5,
            ),
            _slip(
                "homes too",
                lambda source: _change(source, everybody=True),
                "This is over all customers. The sentence speaks of firms. " + STEP,
                0.5,
            ),
            _slip(
                "before less after",
                lambda source: -_change(source),
                "The difference is the wrong way round: after less before. " + STEP,
                0.5,
            ),
        ),
        alternatives=(lambda source: round(_change(source), 3),),
        wrong=(lambda source: _change(source) + 0.3, lambda source: _change(source) / 10 + 0.5),
    ),
)


def _plant(rng: np.random.Generator) -> Plant:
    """The bot is bad at one topic that many bring to it; mixes, rates and the truth of its flags differ."""
    weak = int(rng.choice([TOPICS.index(topic) for topic in ("account", "delivery", "brewing", "billing")]))
    ease, resolves = np.array(MODEL.ease), np.array(MODEL.resolves)
    ease[:2] *= rng.lognormal(0.0, 0.45, (2, len(TOPICS)))
    resolves[BOT] = np.clip(resolves[BOT] + rng.uniform(-0.08, 0.08, len(TOPICS)), 0.1, 0.95)
    resolves[BOT, TOPICS.index("defect")] = rng.uniform(0.1, 0.2)
    resolves[BOT, weak] = rng.uniform(0.3, 0.45)
    share = np.array(MODEL.topic_share) * rng.uniform(0.8, 1.25, len(TOPICS))
    share[weak] *= 1.9
    flags = np.array(MODEL.falsely_resolved) * rng.uniform(0.5, 0.9, len(HANDLERS))
    returns = np.array(MODEL.returns) * rng.uniform(0.7, 1.1, len(HANDLERS))
    changed = [
        dataclasses.replace(
            segment,
            share=segment.share * (1.5 if segment.account == "business" else 1.0),
            issue_rate=segment.issue_rate * rng.uniform(1.7, 2.4),
        )
        for segment in MODEL.segments
    ]
    model = dataclasses.replace(
        MODEL,
        segments=tuple(changed),
        topic_share=tuple(share / share.sum()),
        ease=tuple(map(tuple, ease)),
        resolves=tuple(map(tuple, resolves)),
        falsely_resolved=tuple(flags),
        returns=tuple(returns),
    )
    return Plant(str(rng.choice(SCENARIOS)), model)


def _unfit(company: Company) -> Sequence[str]:
    source = source_of(ASSIGNMENT, company.tables)
    why = []
    settled = _settled(source)
    counts = pd.crosstab(settled["topic"], settled["handled_by"]).reindex(index=TOPICS, columns=MACHINES, fill_value=0)
    fewest = counts.min().min()
    if fewest < 8:
        return [f"a machine has only {fewest:.0f} contacts on a topic"]
    first, second = _unhelped(source)["unhelped"].nlargest(2)
    if first < 1.1 * second:
        why.append("two topics leave alike many unhelped")
    topic = _worst(source)
    if topic == _worst(source, "share"):
        why.append("the topic with most unhelped is the one with the lowest share")
    else:
        sides = _sides(source, topic)
        gap = sides.loc["human"] - sides.loc["bot"] if len(sides) == 2 else sides.sum() * 0
        if sides["matters"].min() < 30 or gap["solved"] < 0.03 or gap["cost"] < 0.5:
            why.append("people and the bot solve alike in that topic")
        elif abs(_extra(sides) / UNSOLVED_EUR - 1) < 0.1:
            why.append("one more solved matter costs about what an unsolved one loses")
    if source["orders"].groupby("customer_id")["margin_eur"].sum().min() <= 0:
        why.append("a customer without a margin")
    if 1.5 < _deviations(source) < 2.6:
        why.append("whether the share of people changed is not clear")
    return why or coinciding(QUESTIONS, source)


def _difficulty(company: Company) -> Mapping[str, float]:
    source = source_of(ASSIGNMENT, company.tables)
    first, second = _unhelped(source)["unhelped"].nlargest(2)
    return {
        "lead of the topic with most unhelped (share)": float(first / second - 1),
        "cost of one more solved matter (EUR)": _extra(_sides(source, _worst(source))),
        "change since April (standard errors)": _deviations(source),
    }


ASSIGNMENT = Assignment(
    name="relationships",
    title="Does each kind of customer get the relationship it expects, and does it help them?",
    minutes=110,
    questions=QUESTIONS,
    tables=("customers", "orders", "contacts"),
    plant=_plant,
    unfit=_unfit,
    difficulty=_difficulty,
    n_customers=1000,
)
