"""The questions of the lesson on the canvas: where do relationships sit in the whole business model?"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from crkit import canvas, canvas_draft
from crkit.questions.core import Misconception, Question

if TYPE_CHECKING:
    from crkit.datasets import Source

RUNNING = 0.1
ASKED, PAID = 20, 3
ANSWERS = ("Roasted beans go stale before a small café has used them up", "owners of small cafés who order each week")


def _channels(source: Source) -> pd.DataFrame:
    return _by(source, "channel")


def _by(source: Source, column: str) -> pd.DataFrame:
    """Orders, customers, revenue and, where it is known, margin by a column of the orders."""
    each = source["orders"].groupby(column, observed=True)
    table = each["customer_id"].agg(orders="size", customers="nunique").assign(revenue=each[source.amount].sum())
    if "margin_eur" in source["orders"]:
        table["margin"] = each["margin_eur"].sum()
    return pd.DataFrame(table)


# ---- 1.4 what each channel brings


def _shares(source: Source, column: str = "margin") -> pd.DataFrame:
    values = _channels(source)[column]
    if column == "customers":
        return (values / source["orders"]["customer_id"].nunique()).rename("share").reset_index()
    return (values / values.sum()).rename("share").reset_index()


def _of_its_revenue(source: Source) -> pd.DataFrame:
    table = _channels(source)
    return (table["margin"] / table["revenue"]).rename("share").reset_index()


def _by_category(source: Source) -> pd.DataFrame:
    if "category" not in source["orders"]:
        raise ValueError("these orders have no category")
    margin = _by(source, "category")["margin"]
    return (margin / margin.sum()).rename("share").rename_axis("channel").reset_index()


# ---- 1.5, 1.Q2 how many channels a customer uses


def _used(source: Source) -> pd.Series:
    return source["orders"].groupby("customer_id")["channel"].nunique()


def _several(source: Source) -> float:
    return float((_used(source) > 1).mean())


def _orders_of_several(source: Source) -> float:
    several = _used(source)[_used(source) > 1].index
    return float(source["orders"]["customer_id"].isin(several).mean())


def _only_web(source: Source) -> float:
    only = _used(source)[_used(source) == 1].index
    orders = source["orders"][source["orders"]["customer_id"].isin(only)]
    return float(orders.loc[orders["channel"] == "web", "customer_id"].nunique() / len(_used(source)))


def _only_web_of_web(source: Source) -> float:
    return _only_web(source) / _any_web(source)


def _only_web_of_single(source: Source) -> float:
    return _only_web(source) / (1 - _several(source))


def _any_web(source: Source) -> float:
    web = source["orders"].loc[source["orders"]["channel"] == "web", "customer_id"]
    return float(web.nunique() / len(_used(source)))


# ---- 1.6 closing a channel


def _cost_over_margin(source: Source) -> float:
    smallest = _channels(source).sort_values("margin").iloc[0]
    return float(RUNNING * smallest["revenue"] / smallest["margin"])


# ---- 1.7 who hangs on one channel


def _largest_shares(source: Source) -> pd.Series:
    orders = source["orders"].merge(source["customers"][["customer_id", "account"]], on="customer_id")
    revenue = orders.groupby(["account", "channel"], observed=True)[source.amount].sum()
    return revenue.groupby("account", observed=True).max() / revenue.groupby("account", observed=True).sum()


def _most_revenue(source: Source) -> Any:
    orders = source["orders"].merge(source["customers"][["customer_id", "account"]], on="customer_id")
    return orders.groupby("account", observed=True)[source.amount].sum().idxmax()


# ---- 1.2 orphans, as a function


def _orphans(table: pd.DataFrame, *, blocks: tuple[str, ...] = ("Value propositions",)) -> int:
    links = table.loc[table["block"].isin(blocks), "linked_to"]
    served = {name for text in links for name in text.split("; ")}
    return int((~table.loc[table["block"] == "Customer segments", "name"].isin(served)).sum())


def _any_block(table: pd.DataFrame) -> int:
    return _orphans(table, blocks=tuple(canvas.BLOCKS.values()))


def _none(_: pd.DataFrame) -> int:
    return 0


def _every(table: pd.DataFrame) -> int:
    return int((table["block"] == "Customer segments").sum())


def _for_nobody(table: pd.DataFrame) -> int:
    propositions = table[table["block"] == "Value propositions"]
    return int((propositions["linked_to"] == "").sum())


def _by_text(table: pd.DataFrame) -> int:
    """Looks for a name anywhere in the text, so that 'Homes' is found in 'Second homes'."""
    text = " ".join(table.loc[table["block"] == "Value propositions", "linked_to"]).casefold()
    names = table.loc[table["block"] == "Customer segments", "name"]
    return sum(name.casefold() not in text for name in names)


def _cases(_: Source) -> list[tuple[Any, ...]]:
    whole = canvas.example()
    homes = canvas.Canvas("Homes").add("customer_segments", "Homes").add("customer_segments", "Second homes")
    homes = homes.add("customer_segments", "Hotels").add("value_propositions", "Keys", links=["Second homes"])
    homes = homes.add("value_propositions", "Cleaning").add("channels", "App", links=["Homes", "Hotels"])
    homes = homes.add("value_propositions", "Laundry").add("value_propositions", "Garden").add("channels", "Van")
    homes = homes.add("customer_segments", "Hostels")  # nothing at all is linked to these
    mended = whole.change("Best quality coffee", links=["Home brewers", "Independent cafés"])
    return [(whole.table(),), (homes.table(),), (mended.table(),)]


# ---- 1.3 a relationship that nobody pays for


@functools.cache
def _unpaid() -> canvas.Canvas:
    shop = canvas.Canvas("Roastery").add("customer_segments", "Offices").add("customer_segments", "Home brewers")
    for name, kind, segment in (
        ("An account manager for each office", "dedicated_personal_assistance", "Offices"),
        ("Reorder alone on the web", "self_service", "Home brewers"),
        ("Evenings where brewers teach brewers", "communities", "Home brewers"),
    ):
        shop = shop.add("customer_relationships", name, links=[segment], type=kind)
    for cost in ("Green coffee", "Web store software", "Rent of the roastery"):
        shop = shop.add("cost_structure", cost)
    return shop


def _contradicts(_: Source) -> str:
    shop = _unpaid()
    finding = next(one for one in canvas.checks(shop) if one.check == "type_against_costs")
    return shop.find(finding.where)[1].name


# ---- 1.8 a small test


def _interval(method: str) -> tuple[float, float]:
    from scipy.stats import binomtest

    low, high = binomtest(PAID, ASKED).proportion_ci(method=method)
    return float(low), float(high)


# ---- 1.1, 1.Q1 the library


def _dedicated(_: Source) -> list[int]:
    return [
        sum(entry.get("type") == "dedicated_personal_assistance" for entry in one.blocks["customer_relationships"])
        for one in canvas.patterns()
    ]


def _ranked(_: Source) -> list[str]:
    return [like.name for like in canvas_draft.similar(*ANSWERS)]


def _with_function(function: Callable[..., Any]) -> Callable[[Source], Any]:
    return lambda _: function


QUESTIONS = (
    Question(
        name="1.1",
        title="What the draft would be",
        ask=(
            f"Problem: «{ANSWERS[0]}». For whom: «{ANSWERS[1]}». Which pattern would the draft draw on first: "
            "'Wholesale and distribution', 'Subscription box', 'Neighbourhood shop or café', or 'Farm or food "
            "producer, sold "
            "directly'?"
        ),
        kind="choice",
        choices=(
            "Wholesale and distribution",
            "Subscription box",
            "Neighbourhood shop or café",
            "Farm or food producer, sold directly",
        ),
        needs=(),
        solve=lambda source: _ranked(source)[0],
        means="It matches words, not sense. Whether it is right about your business, only you can say.",
        hints=(
            "canvas_draft.similar ranks all patterns. Give it the two sentences of this question as text in quotes: "
            "problem and audience in this notebook are the answers from its top.",
        ),
        misconceptions=(
            Misconception(
                "the loudest word",
                lambda _: "Neighbourhood shop or café",
                "That pattern knows the word café too, but cafés are what it is, not whom it supplies. Let the "
                "code rank.",
            ),
        ),
        alternatives=(lambda source: f" {_ranked(source)[0].lower()}",),
        wrong=(lambda _: "Marketplace", lambda _: 3),
    ),
    Question(
        name="1.2",
        title="Orphans",
        ask=(
            "Write orphans(table). The table is what canvas.table() gives: block, id, name, type, linked_to "
            "(names joined by '; '). The column block reads 'Customer segments', 'Value propositions' and so on. "
            "Return the number of customer segments that no value proposition is linked to."
        ),
        kind="function",
        returns="number",
        points=2,
        relative=0,
        needs=(),
        solve=_with_function(_orphans),
        cases=_cases,
        means="The check orphan_segment does the same, and names them.",
        hints=(
            "Keep the rows whose block is 'Value propositions', and split their linked_to at '; '.",
            "Collect all those names in a set, then count the segments whose name is not in it.",
        ),
        misconceptions=(
            Misconception(
                "always 0",
                _with_function(_none),
                "This is 0 for every table. If you keep rows by their block: it reads 'Customer segments' and 'Value "
                "propositions' in the table, not customer_segments.",
            ),
            Misconception(
                "every segment",
                _with_function(_every),
                "This counts every segment. Did you find any links? The rows to look in have the block 'Value "
                "propositions', and one linked_to may hold several names.",
            ),
            Misconception(
                "any block counts",
                _with_function(_any_block),
                "This counts links from any block. A segment that is only reached or billed is still an orphan.",
            ),
            Misconception(
                "propositions for nobody",
                _with_function(_for_nobody),
                "These are the value propositions that are for nobody. The question asks for segments without one.",
            ),
            Misconception(
                "part of a name",
                _with_function(_by_text),
                "This looks for the name anywhere in the text, so that Homes is found in Second homes. Split first.",
            ),
        ),
        alternatives=(
            _with_function(
                lambda table: len(
                    set(table["name"][table["block"] == "Customer segments"])
                    - set(table["linked_to"][table["block"] == "Value propositions"].str.split("; ").explode())
                )
            ),
        ),
        wrong=(
            _with_function(lambda _: 1),
            _with_function(len),
            lambda _: 1,
        ),
    ),
    Question(
        name="1.3",
        title="Who pays for it",
        ask=(
            "A roastery's costs are green coffee, web store software, and rent of the roastery. Which of its "
            "relationships "
            "contradicts that: 'An account manager for each office', 'Reorder alone on the web', or 'Evenings "
            "where brewers "
            "teach brewers'?"
        ),
        kind="choice",
        choices=tuple(entry.name for entry in _unpaid()["customer_relationships"]),
        needs=(),
        solve=_contradicts,
        means="A relationship without its cost is a wish. Either the people appear in the costs, or the type changes.",
        hints=("Which of the three needs people's paid hours? Do the costs name any?",),
        misconceptions=(
            Misconception(
                "self-service",
                lambda _: "Reorder alone on the web",
                "Self-service needs a tool, and the costs name one: the web store software.",
            ),
            Misconception(
                "community",
                lambda _: "Evenings where brewers teach brewers",
                "The members give their own time. Hosting costs something, but far less than what is missing here.",
            ),
        ),
        alternatives=(lambda _: "an account manager for each office",),
        wrong=(lambda _: "Green coffee", lambda _: 0),
    ),
    Question(
        name="1.4",
        title="What each channel brings",
        ask=(
            "The canvas lists channels as if they were equal, and the table above weighs them by revenue. What is left "
            "after the costs of each order is the margin. Make a table with one row for each channel in the orders and "
            "a column share: its share of all margin, from 0 to 1."
        ),
        kind="table",
        share=True,
        keys=("channel",),
        absolute=0.0005,
        solve=_shares,
        needs=("orders.channel", "orders.margin_eur"),
        means="A block's list has no sizes. Write the share behind each channel, and the talk about it changes.",
        hints=(
            "Group the orders by channel, and sum up margin_eur.",
            "Divide by the sum over all channels; a Series named share will do.",
        ),
        misconceptions=(
            Misconception(
                "share of revenue",
                lambda source: _shares(source, "revenue"),
                "This is the share of revenue, as in the table above. The question asks for the margin, margin_eur.",
            ),
            Misconception(
                "margin of its own revenue",
                _of_its_revenue,
                "This is the margin of each channel's own revenue, so it does not add up to 1. Divide by the margin of "
                "all channels.",
            ),
            Misconception(
                "by category",
                _by_category,
                "These rows are categories of goods. The column to group by is channel.",
            ),
            Misconception(
                "share of orders",
                lambda source: _shares(source, "orders"),
                "This is the share of orders. An order from an account manager is larger than one from the shop.",
            ),
            Misconception(
                "share of customers",
                lambda source: _shares(source, "customers"),
                "This is the share of customers who used each channel. Many used several, so it does not add up to 1.",
            ),
        ),
        alternatives=(
            lambda source: _shares(source).set_index("channel")["share"],
            lambda source: _shares(source).sort_values("share"),
            lambda source: (
                source["orders"]
                .groupby("channel", observed=True)["margin_eur"]
                .sum()
                .pipe(lambda margin: margin / margin.sum())
            ),
        ),
        wrong=(
            lambda source: _channels(source)[["margin"]],
            lambda source: _by(source, "customer_id")["revenue"].head(4),
            lambda source: _shares(source).assign(share=lambda table: table["share"] * 100),
            lambda source: _shares(source).iloc[:-1],
        ),
    ),
    Question(
        name="1.5",
        title="More than one way",
        ask=(
            "Which share of the customers with an order bought through more than one channel? Give a number from "
            "0 to 1."
        ),
        kind="number",
        absolute=0.0005,
        share=True,
        solve=_several,
        needs=("orders.channel",),
        means="For these customers a channel is not a segment: they expect to go on where they left off.",
        hints=(
            "Count the different channels of each customer with nunique().",
            "The mean of a column of True and False is a share.",
        ),
        misconceptions=(
            Misconception(
                "the others",
                lambda source: 1 - _several(source),
                "This is the share of customers who used one channel only. The question asks for the others.",
            ),
            Misconception(
                "share of orders",
                _orders_of_several,
                "This is their share of the orders. Count each customer once.",
            ),
        ),
        alternatives=(
            lambda source: (
                source["orders"].drop_duplicates(["customer_id", "channel"])["customer_id"].value_counts().gt(1).mean()
            ),
        ),
        wrong=(lambda _: 1.5, lambda source: int((_used(source) > 1).sum()), lambda _: "half"),
    ),
    Question(
        name="1.6",
        title="Closing a channel",
        ask=(
            "Take the channel with the smallest margin in total. Running it costs 10 % of its revenue, on top of "
            "what the "
            "margin has already taken off. If it is closed, part of its margin moves to the other channels. From "
            "which share "
            "on does closing lose nothing? Give a number from 0 to 1."
        ),
        kind="number",
        points=2,
        absolute=0.0005,
        share=True,
        solve=lambda source: 1 - _cost_over_margin(source),
        needs=("orders.channel", "orders.margin_eur"),
        means="Below this share, the channel is worth its cost. Whether customers would move takes a test to know.",
        hints=(
            "What is saved is the cost of running; what is lost is the margin that does not move.",
            "Set saved equal to lost: 0.1 times revenue = (1 - share) times margin.",
        ),
        misconceptions=(
            Misconception(
                "the share that may be lost",
                _cost_over_margin,
                "This is the share of the margin that may be lost. The question asks for the share that must move.",
            ),
            Misconception(
                "revenue instead of margin",
                lambda _: 1 - RUNNING,
                "This compares the cost with the revenue. Of a euro of revenue that moves, only the margin is yours.",
            ),
        ),
        alternatives=(lambda source: round(1 - _cost_over_margin(source), 4),),
        wrong=(lambda _: 0, lambda _: -0.2, lambda source: _channels(source)["margin"].min()),
    ),
    Question(
        name="1.7",
        title="Who hangs on one channel",
        ask=(
            "For private and for business customers, take the share of their revenue that comes through their "
            "largest channel. "
            "Which of the two depends more on one channel: private or business?"
        ),
        kind="choice",
        choices=("private", "business"),
        solve=lambda source: _largest_shares(source).idxmax(),
        needs=("orders.channel", "customers.account"),
        means="Dependence is a risk that no single block shows: it stands between channels and segments.",
        hints=(
            "Merge the orders with the customers' account, and sum up the amounts by account and channel.",
            "Divide each account's row by its sum, then take the largest share of each.",
        ),
        misconceptions=(
            Misconception(
                "most revenue",
                _most_revenue,
                "These customers bring most revenue, but spread over their channels. Compare shares within each "
                "account.",
            ),
        ),
        alternatives=(lambda source: str(_largest_shares(source).idxmax()).upper(),),
        wrong=(lambda source: _largest_shares(source).idxmin(), lambda _: "both", lambda _: 1),
    ),
    Question(
        name="1.8",
        title="What a small test can say",
        ask=(
            "You asked 20 strangers to order in advance, and 3 paid. Which share might it be among all of them, "
            "at the most? "
            "Give the upper end of the 95 % Wilson interval, from 0 to 1."
        ),
        kind="number",
        points=2,
        absolute=0.002,
        share=True,
        needs=(),
        solve=lambda _: _interval("wilson")[1],
        means="From 5 to 36 %: enough to bury a plan that needs half of them, too little to fill in a budget.",
        hints=(
            "scipy.stats.binomtest(3, 20) has a method that gives intervals.",
            "proportion_ci(method='wilson') gives low and high.",
        ),
        misconceptions=(
            Misconception(
                "the lower end",
                lambda _: _interval("wilson")[0],
                "This is the lower end. The question asks how large the share may be.",
            ),
            Misconception(
                "the share seen",
                lambda _: PAID / ASKED,
                "This is the share in the sample. With 20 people, the share among all may be far from it.",
            ),
            Misconception(
                "the textbook interval",
                lambda _: PAID / ASKED + 1.96 * (PAID / ASKED * (1 - PAID / ASKED) / ASKED) ** 0.5,
                "This is the share plus 1.96 standard errors, which is too narrow for few cases. Use Wilson's "
                "interval.",
            ),
        ),
        alternatives=(lambda _: round(_interval("wilson")[1], 3),),
        wrong=(lambda _: 0.5, lambda _: 3, lambda _: "36 %"),
    ),
    Question(
        name="1.Q1",
        title="Named contacts",
        ask=(
            "In how many patterns of the library, canvas.patterns(), is at least one relationship of the type "
            "dedicated_personal_assistance?"
        ),
        kind="number",
        relative=0,
        needs=(),
        solve=lambda source: sum(count > 0 for count in _dedicated(source)),
        means="A named contact is not a luxury of banks: it is usual wherever few customers bring much.",
        hints=(
            "A pattern's relationships are pattern.blocks['customer_relationships'], a list of mappings.",
            "Use any(...) inside a sum over the patterns.",
        ),
        misconceptions=(
            Misconception(
                "counts relationships",
                lambda source: sum(_dedicated(source)),
                "These are relationships. Some patterns have two of this type; count each pattern once.",
            ),
        ),
        alternatives=(
            lambda _: float(
                sum(
                    "dedicated_personal_assistance" in {entry["type"] for entry in one.blocks["customer_relationships"]}
                    for one in canvas.patterns()
                )
            ),
        ),
        wrong=(lambda _: len(canvas.patterns()), lambda _: 0),
    ),
    Question(
        name="1.Q2",
        title="Out of reach",
        ask=(
            "If the web store closed, which share of the customers with an order would lose the only channel "
            "they have ever "
            "used? Give a number from 0 to 1."
        ),
        kind="number",
        absolute=0.0005,
        share=True,
        solve=_only_web,
        needs=("orders.channel",),
        means="A channel can be dear and still be the only way to many customers.",
        hints=("Keep the customers with one channel, and look at which one it is.",),
        misconceptions=(
            Misconception(
                "all who used it",
                _any_web,
                "These customers used the web store at all. Some of them know another way.",
            ),
            Misconception(
                "share of the web store's customers",
                _only_web_of_web,
                "This is the share of the web store's customers. The question asks for the share of all customers with "
                "an order.",
            ),
            Misconception(
                "share of those with one channel",
                _only_web_of_single,
                "This is the share of the customers who used one channel only. The question asks for the share of all "
                "customers with an order.",
            ),
        ),
        alternatives=(lambda source: round(_only_web(source), 4),),
        wrong=(lambda _: -1, lambda source: _only_web(source) / 2),
    ),
)
