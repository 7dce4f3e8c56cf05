"""The assignment on the Hub: does what canvas and register promise hold against the company's data?"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crkit import grouping, hub
from crkit.assignments import Assignment, Plant, coinciding, source_of
from crkit.company import MODEL, SCENARIOS, Company
from crkit.datasets import Source
from crkit.intervals import Share
from crkit.intervals import share as interval_of
from crkit.questions.core import Criterion, Misconception, Question

SEGMENTS = ("cafes", "homes", "offices")
CHANNELS = ("shop", "web", "account_manager", "subscription")
JUDGED = ("active", "paused")
TODAY = pd.Timestamp("2025-12-31")
HOUR_EUR, KEPT = 54.0, 0.1
USES = {"homes": ("shop", "web"), "offices": ("subscription",), "cafes": ("shop", "web", "account_manager")}
MEASURES = ("human_share", "bot_share", "resolved_share")
STEP = "The method is right and one step of it is not: half of the points."


# ---- what is planted: a register and a canvas


_NAMED = {
    "homes": (
        ("Help pages of the shop", "self_service", "onboarding"),
        ("The chatbot", "automated_services", "retention"),
        ("Forum of home brewers", "communities", "retention"),
        ("A voice on the phone", "personal_assistance", "growth"),
    ),
    "offices": (
        ("First delivery, accompanied", "personal_assistance", "onboarding"),
        ("Deliveries that nobody thinks of", "automated_services", "retention"),
        ("Help desk for offices", "personal_assistance", "retention"),
        ("Change of the plan on the web", "self_service", "growth"),
    ),
    "cafes": (
        ("Set-up of the machine", "personal_assistance", "onboarding"),
        ("Your own account manager", "dedicated_personal_assistance", "retention"),
        ("Orders on the web", "self_service", "retention"),
        ("Tasting of new coffees", "co_creation", "growth"),
    ),
}
_OWNERS = ("Ada Byrne", "Leo Marsh", "Mira Lind", "Tom Okafor", "Ines Weber")


def _register(company: Company, rng: np.random.Generator) -> pd.DataFrame:
    """Twelve records, each with a metric that the contact log can judge, and faults of every kind."""
    found = _in_log(company.tables)
    status = rng.permutation(["active"] * 6 + ["paused"] * 2 + ["planned", "draft", "retired", "retired"])
    aims = iter(rng.permutation(["met"] * 3 + ["missed"] * 3 + ["cannot tell"] * 2))
    review = [TODAY + pd.Timedelta(days=int(days)) for days in rng.integers(-rng.integers(60, 600), 300, 12)]
    rows = []
    named = [(segment, *one) for segment in map(str, rng.permutation(SEGMENTS)) for one in _NAMED[segment]]
    for number, (segment, name, kind, stage) in enumerate(named):
        told = [one for one in MEASURES if found[segment, one].lower > 0.12 and found[segment, one].upper < 0.87]
        measure = str(rng.choice(told or ["human_share"]))  # leaves room for a target on either side
        seen = found[segment, measure]
        aim = next(aims) if status[number] in JUDGED else rng.choice(["met", "missed"])
        away = rng.uniform(0.02, 0.1)
        target = {"met": seen.lower - away, "missed": seen.upper + away}.get(aim, seen.share + rng.uniform(0.005, 0.01))
        off = rng.uniform(0.02, 0.15) if status[number] in JUDGED else rng.uniform(0.16, 0.25)
        current = seen.share + (off if seen.share < 0.5 else -off)
        rows.append(
            {
                "id": f"R{number + 1}",
                "name": name,
                "segment": segment,
                "interaction_type": kind,
                "stage": stage,
                "status": status[number],
                "owner": None if rng.random() < 0.2 else str(rng.choice(_OWNERS)),
                "review_on": f"{review[number]:%Y-%m-%d}",
                "cost_per_year_eur": float(500 * rng.integers(4, 90)),
                "measure": measure,
                "current": round(current, 2),
                "target": round(target, 2),
            }
        )
    table = pd.DataFrame(rows)
    late = (TODAY - pd.Timedelta(days=int(rng.integers(20, 200)))).strftime("%Y-%m-%d")
    table.loc[table["status"] == "retired", "review_on"] = late
    table.loc[table["status"].isin(["planned", "draft"]), "review_on"] = None
    table.loc[rng.choice(table.index[table["status"] == "active"]), "review_on"] = None
    return table.astype({"owner": "str", "review_on": "str"})


def _canvas(_: Company, rng: np.random.Generator) -> pd.DataFrame:
    """A canvas with a segment that gets no value, one without a relationship, and a channel that leads astray."""
    orphan, bare, named = (str(name) for name in rng.permutation(SEGMENTS))
    if rng.random() < 0.5:
        named = orphan
    wrong = [(c, s) for s in SEGMENTS for c in CHANNELS if c not in USES[s]]
    astray = wrong[int(rng.integers(len(wrong)))]
    propositions = {
        "homes": "Beans roasted for the way you brew",
        "offices": "Beans that arrive before the last ones are gone",
        "cafes": "Coffee and machine from one hand",
    }
    rows = [("customer_segments", name, "", "") for name in SEGMENTS]
    rows += [("value_propositions", text, name, "") for name, text in propositions.items() if name != orphan]
    rows += [
        (
            "channels",
            channel,
            "; ".join(name for name in SEGMENTS if channel in USES[name] or (channel, name) == astray),
            "",
        )
        for channel in CHANNELS
    ]
    others = "; ".join(name for name in SEGMENTS if name not in (bare, named))
    rows += [
        ("customer_relationships", "A named contact person", named, "dedicated_personal_assistance"),
        ("customer_relationships", "Chatbot", others, "automated_services"),
        ("revenue_streams", "Sale of beans", "homes; cafes", ""),
        ("revenue_streams", "Delivery contracts", "offices", ""),
        ("key_resources", "Roastery", "", ""),
        ("key_activities", "Roasting", "", ""),
        ("key_partnerships", "Coffee growers", "", ""),
        ("cost_structure", "Green coffee", "", ""),
        ("cost_structure", "Wages of the help desk", "", ""),
        ("cost_structure", "Web store software", "", ""),
    ]
    return pd.DataFrame(rows, columns=["block", "name", "serves", "type"]).replace("", None).astype("str")


# ---- the company as the questions see it


def _in_log(tables: Mapping[str, pd.DataFrame], *, company_too: bool = False) -> dict[tuple[str, str], Share]:
    """What the contact log says, by segment and measure, for the `MEASURES`."""
    contacts = tables["contacts"]
    begun = contacts if company_too else contacts[contacts["initiated_by"] == "customer"]
    segment = begun["customer_id"].map(grouping.segment_of(grouping.visible_segments(tables["customers"])))
    hits = {f"{one}_share": (begun["handled_by"] == one).groupby(segment) for one in ("human", "bot")}
    last = begun[begun["issue_id"].notna()].sort_values("started_at", kind="stable")
    last = last.drop_duplicates("issue_id", keep="last")
    hits["resolved_share"] = last["resolved"].groupby(segment)
    return {
        (name, measure): interval_of(int(each.sum()[name]), int(each.size()[name]))
        for measure, each in hits.items()
        for name in SEGMENTS
    }


@functools.lru_cache(maxsize=32)
def _members(source: Source) -> pd.Series:
    """The segment of each customer."""
    return grouping.segment_of(grouping.visible_segments(source["customers"]))


@functools.lru_cache(maxsize=32)
def _orders(source: Source) -> pd.DataFrame:
    orders = source["orders"]
    return orders.assign(segment=orders["customer_id"].map(_members(source)))


def _serving(source: Source, block: str) -> dict[str, list[str]]:
    """The segments that each entry of a block serves."""
    rows = source["canvas"][source["canvas"]["block"] == block]
    return dict(zip(rows["name"], rows["serves"].fillna("").str.split("; "), strict=True))


def _left_out(source: Source, block: str) -> list[str]:
    """The segments that no entry of a block serves."""
    served = {name for names in _serving(source, block).values() for name in names}
    return [name for name in SEGMENTS if name not in served]


@functools.lru_cache(maxsize=32)
def _seen(source: Source, *, company_too: bool = False) -> pd.DataFrame:
    """The register with what the log says about each record's metric."""
    found, register = _in_log(source.tables, company_too=company_too), source["register"]
    seen = [found[one.segment, one.measure] for one in register.itertuples()]
    told = [hub.verdict(share, target) for share, target in zip(seen, register["target"], strict=True)]
    ends = {part: [getattr(share, part) for share in seen] for part in ("share", "lower", "upper", "cases")}
    return register.assign(**ends, verdict=told, judged=register["status"].isin(JUDGED))


# ---- 1 reviews


def _overdue(source: Source, *, retired: bool = False, never: bool = False) -> int:
    register = source["register"]
    late = pd.to_datetime(register["review_on"]) < TODAY
    if never:
        late |= register["review_on"].isna()
    return int((late & (retired | (register["status"] != "retired"))).sum())


# ---- 2 what the register spends on whom


def _spent(source: Source, *, every_status: bool = False, by: str = "customers") -> pd.DataFrame:
    register = source["register"]
    if not every_status:
        register = register[register["status"].isin(JUDGED)]
    each = register.groupby("segment")["cost_per_year_eur"].agg(["size", "sum"]).reindex(SEGMENTS, fill_value=0)
    table = each.set_axis(["records", "cost_eur"], axis=1)
    members = _members(source)
    reached = members[members.index.isin(source["contacts"]["customer_id"])]
    of = {"customers": members.value_counts(), "reached": reached.value_counts(), "records": table["records"]}
    return table.assign(eur_per_customer=table["cost_eur"] / of[by]).rename_axis("segment").reset_index()


def _spent_by_merge(source: Source) -> pd.DataFrame:
    counts = _members(source).value_counts().rename("customers")
    kept = source["register"].query("status in ['active', 'paused']")
    table = kept.groupby("segment").agg(records=("id", "size"), cost_eur=("cost_per_year_eur", "sum")).join(counts)
    table["eur_per_customer"] = table["cost_eur"] / table["customers"]
    return table.round(2)


# ---- 3 two promises at once


def _promises(
    register: pd.DataFrame, *, every_status: bool = False, count_records: bool = False, blank: bool = False
) -> pd.DataFrame:
    """What question 3 asks for, and its known wrong ways."""
    kept = register if every_status else register[register["status"] == "active"]
    types = kept["interaction_type"].fillna("none") if blank else kept["interaction_type"]
    each = types.groupby([kept["segment"], kept["stage"]])
    counted = each.count() if count_records else each.nunique()
    return counted[counted >= 2].rename("types").reset_index()


def _way(**way: bool) -> Callable[[Source], Callable[..., pd.DataFrame]]:
    return lambda _: lambda register: _promises(register, **way)


def _promises_by_loop(_: Source) -> Callable[..., pd.DataFrame]:
    def promises(register: pd.DataFrame) -> pd.DataFrame:
        seen: dict[tuple[str, str], set[str]] = {}
        for row in register[register["status"] == "active"].itertuples():
            if isinstance(row.interaction_type, str):
                seen.setdefault((row.segment, row.stage), set()).add(row.interaction_type)
        rows = [(segment, stage, len(types)) for (segment, stage), types in seen.items() if len(types) > 1]
        return pd.DataFrame(rows, columns=["segment", "stage", "types"])

    return promises


def _cases(source: Source) -> list[tuple[Any, ...]]:
    rows = [
        ("cafes", "retention", "active", "self_service"),
        ("cafes", "retention", "active", "dedicated_personal_assistance"),
        ("cafes", "retention", "active", "self_service"),
        ("cafes", "growth", "active", "co_creation"),
        ("offices", "retention", "active", "automated_services"),
        ("offices", "retention", "planned", "personal_assistance"),
        ("offices", "growth", "active", "personal_assistance"),
        ("offices", "growth", "active", None),
        ("homes", "onboarding", "active", "self_service"),
        ("homes", "onboarding", "active", "self_service"),
        ("homes", "growth", "active", "communities"),
        ("homes", "growth", "active", "automated_services"),
        ("homes", "growth", "draft", "co_creation"),
    ]
    tiny = pd.DataFrame(rows, columns=["segment", "stage", "status", "interaction_type"]).astype("str")
    own = source["register"][["segment", "stage", "status", "interaction_type"]]
    return [(tiny,), (pd.concat([tiny.iloc[:3], own.iloc[::-1]], ignore_index=True),)]


# ---- 4 a channel that leads astray, 5 a segment that gets nothing


def _shares(source: Source) -> pd.DataFrame:
    """Of each segment's orders, the share through each channel."""
    orders = _orders(source)
    table = pd.crosstab(orders["segment"], orders["channel"].astype("str"), normalize="index")
    return table.reindex(columns=CHANNELS, fill_value=0.0)


def _astray(source: Source) -> str:
    shares = _shares(source)
    links = {
        (shares.loc[name, channel], channel)
        for channel, names in _serving(source, "channels").items()
        for name in names
    }
    return min(links)[1]


def _least(source: Source, column: str) -> str:
    each = _orders(source).groupby(_orders(source)["channel"].astype("str"))[column]
    return str((each.sum() if column == "amount_eur" else each.size()).idxmin())


def _unserved(source: Source, *, column: str = "amount_eur", block: str = "value_propositions") -> float:
    sums = _orders(source).groupby("segment")[column].sum()
    return float(sums[_left_out(source, block)].sum() / sums.sum())


def _unserved_customers(source: Source) -> float:
    return float(_members(source).isin(_left_out(source, "value_propositions")).mean())


# ---- 6 verdicts, 7 claims, 8 what misses its target


def _verdicts(source: Source, *, share_alone: bool = False, company_too: bool = False) -> pd.DataFrame:
    seen = _seen(source, company_too=company_too)
    seen = seen[seen["judged"]]
    if share_alone:
        seen = seen.assign(verdict=np.where(seen["share"] >= seen["target"], "met", "missed"))
    return seen[["id", "share", "verdict"]].reset_index(drop=True)


def _verdicts_of_every_record(source: Source) -> pd.DataFrame:
    return _seen(source)[["id", "share", "verdict"]]


def _verdicts_of_the_kit(source: Source) -> pd.DataFrame:
    found = hub.evidence(source["contacts"], grouping.visible_segments(source["customers"]))
    rows = []
    for one in source["register"].query("status in ['active', 'paused']").itertuples():
        seen = found.get([one.segment], one.measure)
        rows.append((one.id, round(seen.share, 2), hub.verdict(seen, one.target)))
    return pd.DataFrame(rows, columns=["id", "share", "verdict"])


def _off(source: Source, *, every_status: bool = False, mean: bool = False) -> float:
    seen = _seen(source)
    off = (seen["current"] - seen["share"]).abs()[every_status | seen["judged"]]
    return float(off.mean() if mean else off.max())


def _wasted(source: Source, *, share_alone: bool = False, every_status: bool = False) -> float:
    seen = _seen(source)
    missed = seen["share"] < seen["target"] if share_alone else seen["verdict"] == "missed"
    return float(seen.loc[missed & (every_status | seen["judged"]), "cost_per_year_eur"].sum())


# ---- 9 the contact person that the canvas promises


def _person(
    source: Source, *, column: str = "margin_eur", who_ordered: bool = False, both_years: bool = False
) -> float:
    """What a contact person gains for each customer of the segment to which the canvas promises one."""
    (segment,) = _serving(source, "customer_relationships")["A named contact person"]
    orders = _orders(source)
    orders = orders[(orders["segment"] == segment) & (both_years | (orders["ordered_at"] >= "2025-01-01"))]
    customers = orders["customer_id"].nunique() if who_ordered else int((_members(source) == segment).sum())
    return KEPT * float(orders[column].sum()) / customers - HOUR_EUR


RUBRIC_COST = (
    Criterion(
        "the claim follows from the number",
        (
            (
                2,
                "The claim names the records that miss their target, says what they cost, and keeps those apart about "
                "which nobody can tell.",
                "R3, R7 and R10 miss their targets for certain and cost 61,500 EUR a year. About R2 and R8 the log "
                "cannot tell.",
            ),
            (
                1,
                "The claim gives the sum, but not which records, or lumps together what misses and what cannot be "
                "told.",
                "61,500 EUR go into records that miss their targets.",
            ),
            (0, "The claim contradicts the number, or does without it.", "The register works well."),
        ),
    ),
    Criterion(
        "the action fits a missed target",
        (
            (
                2,
                "For at least one record: who does what by when, and whether the relationship or the target is wrong.",
                "Mira Lind finds out by 31 March why people deal with half of the offices' contacts only; if the "
                "target of 90 % was never wanted, it is lowered with a reason, else two people are moved there.",
            ),
            (1, "An action without a person, a date, or a look at why.", "Stop paying for R3, R7 and R10."),
            (0, "No action, or one that nobody could carry out.", "Do better."),
        ),
    ),
)

RUBRIC_PERSON = (
    Criterion(
        "the claim follows from the number",
        (
            (
                2,
                "Keep or take back the promise, for the segment on the canvas, with what one customer brings or costs, "
                "and that the tenth is assumed.",
                "Take the promise to the homes back: a contact person costs 54 EUR and keeps 6 EUR of margin, if a "
                "tenth is kept at all.",
            ),
            (1, "Keep or take back agrees with the number, without saying what it rests on.", "It does not pay."),
            (0, "The claim contradicts the number.", "Personal contact always pays."),
        ),
    ),
    Criterion(
        "the action changes canvas and register",
        (
            (
                2,
                "What is written on the canvas instead or kept, who owns it in the register, and how the assumed tenth "
                "will be tested.",
                "The canvas says self-service for homes from now on; Leo Marsh owns the record. The 20 best homes, "
                "drawn by lot, get a contact person for a year, and we compare who stays.",
            ),
            (1, "A change of the canvas, or an owner, or a test, but not two of them.", "Delete it from the canvas."),
            (0, "None of them.", "Think about it."),
        ),
    ),
)


def _slip(name: str, solve: Callable[[Source], Any], says: str, credit: float = 0.0) -> Misconception:
    return Misconception(name, solve, says, credit=credit)


QUESTIONS = (
    Question(
        name="1",
        title="Which reviews are overdue",
        ask=(
            "Today is 31 December 2025. How many records that are not retired have a review that was due before today? "
            "A record without a day for its review has none that is overdue."
        ),
        kind="number",
        solve=_overdue,
        relative=0,
        absolute=0.25,
        needs=("register",),
        level="apply",
        basis="register: review_on before 2025-12-31, and status other than retired.",
        hints=("review_on is text; pd.to_datetime makes it a date.", "Two conditions, joined with &, then sum."),
        misconceptions=(
            _slip(
                "retired ones too",
                lambda source: _overdue(source, retired=True),
                "Retired records are in it. Nobody reviews what no longer exists. " + STEP,
                0.5,
            ),
            _slip(
                "never fixed counts as overdue",
                lambda source: _overdue(source, never=True),
                "Records without a day for the review are in it. That is another fault, with a check of its own. "
                + STEP,
                0.5,
            ),
        ),
        alternatives=(lambda source: float(_overdue(source)),),
        wrong=(lambda source: _overdue(source) - 1, lambda source: len(source["register"])),
    ),
    Question(
        name="2",
        title="What the register spends on whom",
        ask=(
            "Take the records that exist: active or paused. For each segment: how many are there (records), what do "
            "they cost in a year all together (cost_eur), and how much is that for each customer of the segment in the "
            "table customers (eur_per_customer)? Give a table with the column segment and these three; two decimals "
            "are enough."
        ),
        kind="table",
        solve=_spent,
        points=2,
        relative=0,
        absolute=0.006,
        keys=("segment",),
        needs=("register", "customers"),
        level="apply",
        basis="register with status active or paused, by segment: rows, and the sum of cost_per_year_eur; divided by "
        "the customers of the segment.",
        hints=(
            "isin(['active', 'paused']) picks the records; groupby and agg count and add up.",
            "The set-up cell knows the segment of every customer; value_counts says how many there are.",
        ),
        misconceptions=(
            _slip(
                "whatever their status",
                lambda source: _spent(source, every_status=True),
                "Drafts, plans and retired records are in it. They cost nothing now, since they do not exist. " + STEP,
                0.5,
            ),
            _slip(
                "for each record",
                lambda source: _spent(source, by="records"),
                "eur_per_customer was divided by the records. Divide by the customers of the segment. " + STEP,
                0.5,
            ),
            _slip(
                "only customers in the contact log",
                lambda source: _spent(source, by="reached"),
                "It was divided by the customers in the contact log. A relationship is kept up for the silent ones, "
                "too. " + STEP,
                0.5,
            ),
        ),
        alternatives=(_spent_by_merge, lambda source: _spent(source).iloc[::-1]),
        wrong=(
            lambda source: _spent(source).drop(columns="records"),
            lambda source: _spent(source).assign(cost_eur=lambda table: table["cost_eur"] / 1000),
        ),
    ),
    Question(
        name="3",
        title="Two promises at once",
        ask=(
            "A segment should be promised one type at each stage. Write answer_3(register). The table register has "
            "segment, stage, status and interaction_type. Take the active records; one without an interaction_type "
            "promises nothing. For each segment and stage with two or more different types return segment, stage and "
            "types, the number of different types."
        ),
        kind="function",
        returns="table",
        solve=_way(),
        cases=_cases,
        points=3,
        relative=0,
        keys=("segment", "stage"),
        needs=("register",),
        level="apply",
        basis="the table that the function is given: its active records, by segment and stage; nunique of "
        "interaction_type where it is 2 or more.",
        hints=(
            "nunique counts different values and leaves out missing ones.",
            "Group by a list of two columns, then keep the groups with 2 or more.",
        ),
        misconceptions=(
            _slip(
                "whatever their status",
                _way(every_status=True),
                "Plans, drafts and retired records were counted. Only an active record promises something. " + STEP,
                0.5,
            ),
            _slip(
                "records, not types",
                _way(count_records=True),
                "Two records with one type promise the same. Count different types. " + STEP,
                0.5,
            ),
            _slip(
                "no type as a type",
                _way(blank=True),
                "A missing interaction_type was counted as one more type. " + STEP,
                0.5,
            ),
        ),
        alternatives=(
            _promises_by_loop,
            lambda _: lambda register: _promises(register).set_index(["segment", "stage"]),
        ),
        wrong=(
            lambda _: lambda register: _promises(register).assign(types=2.5),
            lambda _: (
                lambda register: register.groupby(["segment", "stage"])["status"].size().rename("types").reset_index()
            ),
        ),
    ),
    Question(
        name="4",
        title="A channel that leads astray",
        ask=(
            "On the canvas, each channel leads to the segments that it serves. One channel leads to a segment in which "
            "fewer than one order in a hundred is placed through it. Which channel?"
        ),
        kind="choice",
        choices=CHANNELS,
        solve=_astray,
        points=2,
        needs=("canvas", "orders", "customers"),
        level="analyse",
        basis="orders by segment and channel, as shares of each segment's orders, beside the channels of the canvas "
        "and the segments that they serve.",
        hints=(
            "crosstab with normalize='index' gives each segment's orders by channel as shares.",
            "Look up each link of the canvas in it. A small share matters only where the canvas draws a link.",
        ),
        misconceptions=(
            _slip(
                "the channel with the fewest orders",
                lambda source: _least(source, "order_id"),
                "This channel has the fewest orders in all. Where it leads, customers may use it all the same.",
            ),
            _slip(
                "the channel with the least revenue",
                lambda source: _least(source, "amount_eur"),
                "This channel brings the least revenue in all. The question is about a link that nobody uses.",
            ),
        ),
        alternatives=(lambda source: _astray(source).replace("_", " "),),
        wrong=(
            lambda source: next(one for one in CHANNELS if one != _astray(source)),
            lambda _: "phone",
        ),
    ),
    Question(
        name="5",
        title="Money from those who are promised nothing",
        ask=(
            "What share of the company's revenue (amount_eur of all orders) comes from segments that no value "
            "proposition on the canvas is for? Give a share between 0 and 1; two decimals are enough."
        ),
        kind="number",
        solve=_unserved,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        needs=("canvas", "orders", "customers"),
        level="analyse",
        basis="canvas, block value_propositions: the segments that none serves; their amount_eur divided by all.",
        hints=(
            "canvas.checks names such a segment an orphan.",
            "Put the segment beside each order, add up by segment, and divide.",
        ),
        misconceptions=(
            _slip(
                "customers, not money",
                _unserved_customers,
                "This is the share of customers. A few firms bring more than many homes. " + STEP,
                0.5,
            ),
            _slip(
                "margin, not revenue",
                lambda source: _unserved(source, column="margin_eur"),
                "This is the share of the margin. The question asks for revenue. " + STEP,
                0.5,
            ),
            _slip(
                "without a relationship",
                lambda source: _unserved(source, block="customer_relationships"),
                "This is the segment that no relationship serves. The question asks about value propositions.",
            ),
        ),
        alternatives=(lambda source: round(_unserved(source), 2),),
        wrong=(lambda source: 1 - _unserved(source), lambda source: 100 * _unserved(source)),
    ),
    Question(
        name="6",
        title="Is the target met?",
        ask=(
            "For each active or paused record: what does the contact log say about its measure for its segment "
            "(share), and is the target met, missed, or can nobody tell (verdict: 'met', 'missed' or 'cannot tell')? "
            "Use hub.evidence over all of the log and hub.verdict, which judges by the 95 % interval; higher is "
            "better. Give a table with the columns id, share and verdict; two decimals are enough for share."
        ),
        kind="table",
        solve=_verdicts,
        points=3,
        relative=0,
        absolute=0.002,
        share=True,
        keys=("id",),
        needs=("register", "contacts", "customers"),
        level="analyse",
        basis="hub.evidence of contacts and segments: for each record's segment and measure the share and its 95 % "
        "interval (Wilson), held against the target.",
        hints=(
            "found.get([segment], measure) gives share, lower and upper; verdict takes it and the target.",
            "hub.targets does all of it for records with a metric; its column record is the id.",
        ),
        misconceptions=(
            _slip(
                "without the interval",
                lambda source: _verdicts(source, share_alone=True),
                "The shares alone were held against the targets. Where the interval holds the target, nobody can tell. "
                + STEP,
                0.5,
            ),
            _slip(
                "contacts that the company began",
                lambda source: _verdicts(source, company_too=True),
                "Contacts that the company began were counted. They say what it plans, not what customers meet.",
            ),
            _slip(
                "whatever their status",
                _verdicts_of_every_record,
                "All records were judged. Drafts, plans and retired ones do not say that something exists. " + STEP,
                0.5,
            ),
        ),
        alternatives=(_verdicts_of_the_kit, lambda source: _verdicts(source).set_index("id").iloc[::-1]),
        wrong=(
            lambda source: _verdicts(source).assign(verdict="met"),
            lambda source: _verdicts(source).assign(share=lambda table: 1 - table["share"]),
        ),
    ),
    Question(
        name="7",
        title="How far a claim is off",
        ask=(
            "Each record claims where its measure stands (current). Among the active and paused records, what is the "
            "largest difference between the claim and the share that the log shows, whether the claim is too high or "
            "too low? Give it as a share: 0.1 means ten points. Two decimals are enough."
        ),
        kind="number",
        solve=_off,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        needs=("register", "contacts", "customers"),
        level="analyse",
        basis="register, active or paused: current less the share of question 6, without the sign; the largest.",
        hints=(
            "The shares of question 6 are what you need; put current beside them by id.",
            "abs takes off the sign: a claim that is too low is off as well.",
        ),
        misconceptions=(
            _slip(
                "whatever their status",
                lambda source: _off(source, every_status=True),
                "A record that does not exist yet, or no longer, is furthest off here. Only active and paused ones "
                "claim something. " + STEP,
                0.5,
            ),
            _slip(
                "the mean difference",
                lambda source: _off(source, mean=True),
                "This is the mean over the records. The question asks for the largest difference.",
            ),
        ),
        alternatives=(lambda source: round(_off(source), 2),),
        wrong=(lambda source: -_off(source), lambda source: _off(source) + 0.5),
    ),
    Question(
        name="8",
        title="What is paid for a missed target",
        ask=(
            "The board wants to know what it pays for relationships that do not do what they should. Give a dict with "
            "claim, number and action. The number: what the active and paused records cost in a year, in EUR, of which "
            "the log says for certain that they miss their target (verdict 'missed' in question 6)."
        ),
        kind="decision",
        solve=_wasted,
        points=2,
        relative=0,
        absolute=1.0,
        needs=("register", "contacts", "customers"),
        level="evaluate",
        basis="register, active or paused, with the verdict missed in question 6: the sum of cost_per_year_eur.",
        rubric=RUBRIC_COST,
        hints=(
            "Merge the verdicts of question 6 with the costs of the register by id.",
            "Where nobody can tell, the target is not missed for certain.",
        ),
        misconceptions=(
            _slip(
                "without the interval",
                lambda source: _wasted(source, share_alone=True),
                "Records whose share lies below the target by no more than chance are in it. " + STEP,
                0.5,
            ),
            _slip(
                "whatever their status",
                lambda source: _wasted(source, every_status=True),
                "Records that do not exist yet, or no longer, are in it. " + STEP,
                0.5,
            ),
            _slip(
                "everything that is paid for",
                lambda source: float(_seen(source).query("judged")["cost_per_year_eur"].sum()),
                "This is the cost of all active and paused records, whether they meet their target or not.",
            ),
        ),
        alternatives=(lambda source: round(_wasted(source)),),
        wrong=(
            lambda source: _wasted(source) / 2,
            lambda source: float(source["register"]["cost_per_year_eur"].sum()) + 7,
        ),
    ),
    Question(
        name="9",
        title="Can the canvas keep its promise?",
        ask=(
            "The canvas promises a named contact person (type dedicated_personal_assistance) to one segment. For each "
            f"customer of it, in the table customers, that takes an hour a year, which costs {HOUR_EUR:.0f} EUR. "
            f"Suppose that it keeps {KEPT:.0%} of the customer's yearly margin. Should the promise stay on the canvas? "
            "Give a dict with claim, number and action. The number: what the contact person brings less what it costs, "
            "in EUR for each customer of the segment and year; take the margin of the orders in 2025. It may be "
            "negative."
        ),
        kind="decision",
        solve=_person,
        points=2,
        relative=0.005,
        absolute=0.02,
        needs=("canvas", "orders", "customers"),
        level="evaluate",
        basis="canvas: the segment that the relationship serves; margin_eur of its orders in 2025, divided by its "
        f"customers in customers, times {KEPT}, less {HOUR_EUR:.0f} EUR.",
        rubric=RUBRIC_PERSON,
        hints=(
            "The row of the canvas with that type says which segment it serves.",
            "Divide the margin by all customers of the segment: the hour is spent on the silent ones, too.",
        ),
        misconceptions=(
            _slip(
                "revenue, not margin",
                lambda source: _person(source, column="amount_eur"),
                "This is a share of the revenue. What is kept is margin. " + STEP,
                0.5,
            ),
            _slip(
                "only who ordered",
                lambda source: _person(source, who_ordered=True),
                "It was divided by those who ordered in 2025. The hour is spent on every customer of the segment. "
                + STEP,
                0.5,
            ),
            _slip(
                "two years for one",
                lambda source: _person(source, both_years=True),
                "The margin is that of both years, and the cost that of one. " + STEP,
                0.5,
            ),
        ),
        alternatives=(lambda source: round(_person(source), 2),),
        wrong=(lambda source: _person(source) + HOUR_EUR, lambda source: -_person(source)),
    ),
)


def _plant(rng: np.random.Generator) -> Plant:
    """How contacts are routed, how often they are needed, and what customers spend differ from student to student."""
    changed = []
    for segment in MODEL.segments:
        routing = np.array(segment.routing) * rng.lognormal(0.0, 0.5, len(segment.routing))
        changed.append(
            dataclasses.replace(
                segment,
                share=segment.share * rng.uniform(0.8, 1.2),
                issue_rate=segment.issue_rate * rng.uniform(1.3, 1.9),
                mean_spend=segment.mean_spend * rng.uniform(0.7, 1.3) * (0.5 if segment.name == "cafe" else 1.0),
                routing=tuple(routing / routing.sum()),
            )
        )
    return Plant(str(rng.choice(SCENARIOS)), dataclasses.replace(MODEL, segments=tuple(changed)))


def _unfit(company: Company) -> Sequence[str]:
    source = source_of(ASSIGNMENT, company.tables)
    seen = _seen(source)
    judged = seen[seen["judged"]]
    why = []
    if seen["cases"].min() < 60:
        why.append("a segment has few contacts")
    ends = judged[["lower", "upper"]].sub(judged["target"], axis=0).abs().min().min()
    if ends < 0.004 or not judged["target"].between(0.02, 0.98).all():
        why.append("a target lies at the end of an interval")
    if set(judged["verdict"]) != {"met", "missed", "cannot tell"}:
        why.append("not every verdict occurs")
    if abs(_person(source)) < 5:
        why.append("the contact person brings about what it costs")
    shares = _shares(source)
    links = [shares.loc[name, channel] for channel, names in _serving(source, "channels").items() for name in names]
    if sorted(links)[0] >= 0.01 or sorted(links)[1] < 0.03:
        why.append("not exactly one channel leads astray")
    if not seen["current"].between(0.0, 1.0).all():
        why.append("a claim is no share")
    return why or coinciding(QUESTIONS, source)


def _difficulty(company: Company) -> Mapping[str, float]:
    source = source_of(ASSIGNMENT, company.tables)
    judged = _seen(source).query("judged")
    return {
        "nearest target to the end of an interval (points)": 100
        * float(judged[["lower", "upper"]].sub(judged["target"], axis=0).abs().min().min()),
        "revenue that no value proposition is for (share)": _unserved(source),
        "gain of the contact person (EUR)": _person(source),
    }


ASSIGNMENT = Assignment(
    name="hub",
    title="Does what your canvas and your register promise hold against the data?",
    minutes=100,
    questions=QUESTIONS,
    tables=("customers", "orders", "contacts"),
    plant=_plant,
    unfit=_unfit,
    difficulty=_difficulty,
    n_customers=900,
    extra={"register": _register, "canvas": _canvas},
)
