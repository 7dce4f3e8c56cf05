from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crkit import datasets, questions, segments
from crkit.questions import Misconception, Question, judge
from crkit.questions.core import Criterion, cases_from_json, cases_to_json, judge_taken, take

SOURCES = {
    "default": {},
    "seed 7": {"seed": 7},
    "small": {"seed": 3, "n_customers": 200},
    "over_automated": {"scenario": "over_automated"},
    "ignored_feedback": {"scenario": "ignored_feedback"},
    "impersonal": {"scenario": "impersonal"},
    "cdnow": {"data": "cdnow"},
}
TABLES = ("orders", "customers", "contacts", "feedback", "points", "truth")
OPENED: dict[str, datasets.Source] = {}


def opened(name):
    if name not in OPENED:
        OPENED[name] = datasets.open_source(**SOURCES[name], **({} if name == "cdnow" else {"tables": TABLES}))
    return OPENED[name]


def all_questions():
    for topic in questions.topics():
        yield from importlib.import_module(f"crkit.questions.{topic}").QUESTIONS


def named(name):
    return next(question for question in all_questions() if question.name == name)


def solved_once(question):
    """The same question, which computes each of its values once for a source: it is judged many times here."""
    if question.kind == "function":
        return dataclasses.replace(question, cases=functools.cache(question.cases))
    known = tuple(dataclasses.replace(each, solve=functools.cache(each.solve)) for each in question.misconceptions)
    return dataclasses.replace(question, solve=functools.cache(question.solve), misconceptions=known)


EACH = [pytest.param(question, id=question.name) for question in all_questions()]


@pytest.mark.parametrize("source_name", SOURCES)
@pytest.mark.parametrize("question", EACH)
def test_right_alternative_and_wrong_answers(question, source_name):
    source, question = opened(source_name), solved_once(question)
    if source_name == "cdnow" and judge(question, ..., source).status == "not applicable":
        return
    first = judge(question, question.solve(source), source)
    assert (first.status, first.points) == ("right", question.points), first
    for number, alternative in enumerate(question.alternatives):
        outcome = judge(question, alternative(source), source)
        assert outcome.status == "right", f"alternative {number}: {outcome}"
    for number, wrong in enumerate(question.wrong):
        outcome = judge(question, wrong(source), source)
        assert outcome.status in ("wrong", "misconception"), f"wrong answer {number} passes: {outcome}"
        assert outcome.points == 0


@pytest.mark.parametrize("question", EACH)
def test_misconceptions_are_recognised_on_the_default_company(question):
    source, question = opened("default"), solved_once(question)
    for known in question.misconceptions:
        outcome = judge(question, known.solve(source), source)
        assert outcome.status == "misconception", f"{known.name} coincides with the right answer: {outcome}"
        if question.kind == "choice":  # one choice may be wrong in several ways
            assert known.name in outcome.misconception.split(" or ")
            assert known.says in outcome.message
        else:
            assert (outcome.misconception, outcome.message) == (known.name, known.says)


@pytest.mark.parametrize("question", EACH)
def test_a_question_is_complete(question):
    assert question.hints
    assert question.misconceptions
    assert question.wrong
    assert question.alternatives
    assert question.means
    for text in (question.ask, question.means, *question.hints, *(known.says for known in question.misconceptions)):
        assert text.endswith((".", "?"))
        assert "!" not in text


@pytest.mark.parametrize("question", EACH)
def test_hints_do_not_give_the_answer_away(question):
    right = question.solve(opened("default"))
    for text in (*question.hints, *(known.says for known in question.misconceptions)):
        numbers = [float(found) for found in re.findall(r"\d+(?:\.\d+)?", text)]
        if question.kind == "number":
            assert not any(math.isclose(found, right, rel_tol=0.02) for found in numbers), text
        if question.kind == "choice":
            assert str(right).casefold() not in question.hints[-1].casefold(), text


def test_question_names_are_unique_and_belong_to_their_topic():
    names = [question.name for question in all_questions()]
    assert len(set(names)) == len(names)
    assert {name.split(".")[0] for name in names} >= {"0", "2", "3", "10"}


# ---- the core, on questions of its own


def source_of(**tables):
    orders = pd.DataFrame({"customer_id": [1, 1, 2], "amount_eur": [10.0, 20.0, 5.0]})
    return datasets.Source(name="a shop", description="a shop", tables={"orders": orders, **tables})


def number(**fields):
    fields = {"relative": 0.01, "share": True, "hints": ("One.", "Two.")} | fields
    return Question("9.1", "A share", "What share?", "number", lambda _: 0.35, **fields)


class AlwaysEqual:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


class Pretender(AlwaysEqual):
    @property
    def __class__(self):
        return float

    def __float__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "answer",
    [
        0.35,
        np.float64(0.35),
        np.float32(0.35),
        Decimal("0.35"),
        Fraction(7, 20),
        pd.Series([0.35]),
        pd.Series([0.35], index=["x"]).iloc[0],
        np.array(0.35),
        np.array([[0.35]]),
        pd.DataFrame({"a": [0.35]}),
        0.3534,
    ],
)
def test_forms_of_a_right_number(answer):
    assert judge(number(), answer, source_of()).status == "right"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (0.3542, "0.3542 is not the value"),
        ("0.35", "'0.35' is text"),
        (True, "truth value"),
        (np.True_, "truth value"),
        (float("nan"), "nan is not a number"),
        (float("inf"), "inf is not a number"),
        (pd.NA, "missing"),
        (pd.NaT, "missing"),
        (pd.Timedelta("3D"), ".days"),
        (pd.Series([0.35, 0.35]), "a Series of 2"),
        (np.array([]), "ndarray of 0"),
        (AlwaysEqual(), "this is an AlwaysEqual"),
        pytest.param(Pretender(), "this is a Pretender", id="pretender"),
        (abs, "Call it"),
        ({"a": 0.35}, "this is a dict"),
        (0.35j, "this is a complex"),
        (10**400, "cannot be read"),
    ],
)
def test_what_is_not_a_right_number(answer, says):
    outcome = judge(number(), answer, source_of())
    assert outcome.status == "wrong"
    assert says in outcome.message
    assert outcome.points == 0


def test_points_of_a_difference_are_told_to_be_a_percentage():
    source = opened("default")
    whole = round(100 * named("3.6").solve(source))
    outcome = judge(named("3.6"), whole, source)
    assert (whole < 0, outcome.misconception) == (True, "percent")
    assert "asks for a share" in outcome.message


def test_the_words_to_answer_with_stand_in_the_question():
    asked = named("4.5")
    assert all(f"'{word}'" in asked.ask for word in asked.choices)


def test_a_percentage_is_recognised_only_where_a_share_is_asked_for():
    assert judge(number(), 35, source_of()).misconception == "percent"
    assert judge(number(share=False), 35, source_of()).status == "wrong"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_only_numbers_within_the_tolerance_are_right(value):
    outcome = judge(number(relative=0.0, absolute=0.05, share=False), value, source_of())
    assert (outcome.status == "right") == (abs(value - 0.35) <= 0.05)


@pytest.mark.parametrize(
    ("right", "answer", "passes"),
    [
        (0.2383, 0.24, True),
        (0.2383, 0.238, True),
        (0.2383, np.float32(0.24), True),
        (0.2383, 0.2384, False),
        (0.2383, 0.23, False),
        (0.2383, 0.2, False),
        (-0.2383, -0.24, True),
        (-0.2383, 0.24, False),
        (0.235, 0.23, True),
        (0.235, 0.24, True),
        (0.0032, 0.0, False),
        (0.0032, 0.003, True),
        (0.9981, 1, False),
        (0.9981, 0.998, True),
        (0.2349, 0.24, False),
    ],
)
def test_two_decimals_are_enough_for_a_share(right, answer, passes):
    asked = number(relative=1e-6)
    assert (judge(dataclasses.replace(asked, solve=lambda _: right), answer, source_of()).status == "right") == passes
    exact = dataclasses.replace(asked, solve=lambda _: right, share=False)
    assert judge(exact, answer, source_of()).status == "wrong"


def test_the_rounding_of_a_right_answer_is_right():
    asked = dataclasses.replace(number(relative=0, absolute=0.004), solve=lambda _: 0.2347)
    assert [judge(asked, answer, source_of()).status for answer in (0.2379, 0.24, 0.25)] == ["right", "right", "wrong"]


def test_other_readings_of_a_question_are_right_and_outrank_a_misconception():
    asked = number(also=lambda _: [0.5, 0.6], misconceptions=(Misconception("half", lambda _: 0.5, "Half."),))
    assert [judge(asked, answer, source_of()).status for answer in (0.35, 0.5, 0.6)] == ["right"] * 3
    assert judge(asked, 0.55, source_of()).status == "wrong"


def test_a_misconception_is_named_only_if_the_answer_has_its_very_value():
    known = (Misconception("one minus", lambda _: 0.65, "Turned round."), Misconception("n", lambda _: 1234.56, "N."))
    asked = number(absolute=0.05, misconceptions=known)
    assert judge(asked, 0.65, source_of()).misconception == "one minus"
    assert judge(asked, 0.647, source_of()).status == "wrong"
    assert [judge(asked, value, source_of()).misconception for value in (1234.56, 1234.6, 1235, 1230)] == [
        "n",
        "n",
        "n",
        None,
    ]


def test_misconceptions_that_cannot_be_told_apart_are_both_named():
    same = [Misconception(name, lambda _: 0.8, f"{name}.") for name in ("One", "Two", "Two")]
    outcome = judge(number(misconceptions=tuple(same)), 0.8, source_of())
    assert (outcome.misconception, outcome.message) == ("One or Two", "One. Or: Two.")


def test_a_reminder_goes_with_a_wrong_answer_that_is_not_recognised():
    outcome = judge(number(reminder="Of all customers."), 0.9, source_of())
    assert outcome.message == '0.9 is not the value. Of all customers. check.hint("9.1") helps.'


def test_a_percentage_is_recognised_in_tables_and_functions():
    shares = Question("9.8", "S", "A.", "table", lambda _: {"a": 0.2383, "b": 0.7617}, keys=("who",), share=True)
    assert judge(shares, {"a": 24, "b": 76}, source_of()).misconception == "percent"
    assert judge(shares, {"a": 24, "b": "x"}, source_of()).misconception is None
    share = dataclasses.replace(function(), solve=lambda _: lambda _: 0.2383, share=True)
    assert judge(share, lambda _: 23.83, source_of()).misconception == "percent"


def test_not_attempted():
    assert "three dots" in judge(number(), ..., source_of()).message
    nothing = judge(number(), None, source_of())
    assert (judge(number(), ..., source_of()).status, nothing.status) == ("not attempted", "not attempted")
    assert nothing.message.startswith("Your answer is None. A function that changes something in place returns nothing")
    assert "dots" not in nothing.message


def test_not_applicable_names_what_is_lacking():
    asked = number(needs=("orders", "truth"))
    assert "table 'truth', which a shop does not have" in judge(asked, 0.35, source_of()).message
    asked = number(needs=("orders.margin_eur",))
    assert "column 'margin_eur' of 'orders'" in judge(asked, 0.35, source_of()).message

    def refuses(_):
        raise ValueError("nobody came back")

    outcome = judge(dataclasses.replace(number(), solve=refuses), 0.35, source_of())
    assert outcome.status == "not applicable"
    assert "nobody came back" in outcome.message


def test_right_wins_where_a_misconception_coincides():
    known = Misconception("same", lambda _: 0.35, "Says.")
    assert judge(number(misconceptions=(known,)), 0.35, source_of()).status == "right"


def choice():
    ways = (Misconception("last", lambda _: "Office", "Look again."),)
    return Question(
        "9.2", "Who", "Who?", "choice", lambda _: "Loyal café", choices=("Loyal café", "Office"), misconceptions=ways
    )


def test_choices_ignore_case_and_spaces_and_list_themselves():
    assert judge(choice(), "  loyal  CAFÉ", source_of()).status == "right"
    assert judge(choice(), np.array(["Loyal café"]), source_of()).status == "right"
    assert judge(choice(), "office", source_of()).misconception == "last"
    outcome = judge(choice(), "loyal", source_of())
    assert outcome.status == "wrong"
    assert "'Loyal café', 'Office'" in outcome.message
    for answer in (3, AlwaysEqual(), Pretender(), ["Loyal café", "Office"]):
        assert judge(choice(), answer, source_of()).status == "wrong"


def revenue(orders):
    return orders.groupby("customer_id")["amount_eur"].agg(["sum", "size"]).reset_index()


def table(**fields):
    return Question(
        "9.3", "Revenue", "A table.", "table", lambda s: revenue(s["orders"]), keys=("customer_id",), **fields
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t,
        lambda t: t.iloc[::-1],
        lambda t: t[["size", "customer_id", "sum"]],
        lambda t: t.set_index("customer_id"),
        lambda t: t.set_index("customer_id").rename_axis(None),
        lambda t: t.set_index("customer_id").rename_axis("who"),
        lambda t: t.assign(more=1),
        lambda t: t.astype(object),
        lambda t: t.astype({"customer_id": "float64", "sum": "float32"}),
        lambda t: t.to_dict("records"),
        lambda t: t.to_dict("list"),
    ],
)
def test_forms_of_a_right_table(change):
    assert judge(table(), change(revenue(source_of()["orders"])), source_of()).status == "right"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.assign(sum=t["sum"] + [0, 1]), "Column 'sum' differs in 1 of 2 rows, such as customer_id 2."),
        (lambda t: t.assign(sum=[AlwaysEqual(), AlwaysEqual()]), "holds an AlwaysEqual"),
        (lambda t: t.assign(sum=t["sum"].astype(str)), "Column 'sum' holds text; give numbers."),
        (lambda t: t.assign(sum=pd.to_timedelta(t["sum"], unit="D")), "durations; .dt.days gives whole days"),
        (lambda t: t.assign(sum=[30.0, None]), "Column 'sum' differs"),
        (lambda t: t.drop(columns="size"), "no column 'size'"),
        (lambda t: t.drop(columns="customer_id"), "no column or index 'customer_id'"),
        (lambda t: t.iloc[:1], "1 row(s) are missing, such as customer_id 2, and 0 should not be there."),
        (
            lambda t: t.assign(customer_id=[1, 5]),
            "such as customer_id 2, and 1 should not be there, such as customer_id 5",
        ),
        (lambda t: t.astype({"customer_id": str}), "such as customer_id '1'. Your customer_id is text; it should be"),
        (lambda t: dict.fromkeys(t["customer_id"], 1), "no column 'sum'"),
        (lambda t: pd.concat([t, t]), "Rows repeat"),
        (lambda t: t.iloc[:0], "2 row(s) are missing"),
        (lambda t: t.to_numpy(), "this is a ndarray"),
        (lambda t: pd.concat([t, t["sum"]], axis=1), "same name"),
        (lambda t: t["sum"].set_axis(pd.MultiIndex.from_product([[1, 2], [1]])), "no column or index 'customer_id'"),
        (lambda _: [], "this is a list"),
        (lambda _: AlwaysEqual(), "this is an AlwaysEqual"),
    ],
)
def test_what_is_not_a_right_table(change, says):
    outcome = judge(table(), change(revenue(source_of()["orders"])), source_of())
    assert outcome.status == "wrong"
    assert says in outcome.message
    assert "30" not in outcome.message


def test_a_series_is_a_table_of_one_column_whatever_its_name():
    sums = Question(
        "9.4", "S", "A.", "table", lambda s: revenue(s["orders"])[["customer_id", "sum"]], keys=("customer_id",)
    )
    for name in ("sum", None, "total"):
        answer = revenue(source_of()["orders"]).set_index("customer_id")["sum"].rename(name)
        assert judge(sums, answer, source_of()).status == "right"
        assert judge(sums, answer + 1, source_of()).status == "wrong"
    assert judge(sums, {1: 30.0, 2: 5.0}, source_of()).status == "right"
    assert judge(sums, {1: 30.0, 2: 6.0}, source_of()).status == "wrong"
    counted_from_zero = dataclasses.replace(sums, solve=lambda _: {0: 30.0, 1: 5.0})
    assert judge(counted_from_zero, {0: 30, 1: 5}, source_of()).status == "right"


def test_text_keys_ignore_case_and_show_how_they_are_written():
    right = {"Home café": 30.0, "office_eur": 5.0}
    sizes = Question("9.7", "S", "A.", "table", lambda _: right, keys=("segment",))
    assert judge(sizes, {"HOME café": 30, "Office EUR": 5}, source_of()).status == "right"
    assert judge(sizes, {"segment": ["home café", "Office eur"], "n": [30, 5]}, source_of()).status == "right"
    outcome = judge(sizes, {"Home-café": 30, "office_eur": 5}, source_of())
    assert "such as segment 'Home café', and 1 should not be there, such as segment 'Home-café'." in outcome.message
    assert "Rows repeat" in judge(sizes, {"office_eur": 5, "Office_EUR": 6}, source_of()).message


def function(**fields):
    fields = {"misconceptions": (Misconception("mean", lambda _: lambda o: o["amount_eur"].mean(), "Sum."),)} | fields
    return Question(
        "9.5",
        "Total",
        "A function.",
        "function",
        lambda _: lambda orders: orders["amount_eur"].sum(),
        cases=lambda s: [(s["orders"],), (s["orders"].head(1),)],
        **fields,
    )


def spoils(orders):
    orders["new"] = 1
    return orders["amount_eur"].sum()


def stops(_):
    raise SystemExit


def overwrites(orders):
    total = orders["amount_eur"].sum()
    orders.loc[0, "amount_eur"] = 0.0
    return total


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (lambda orders: orders["amount_eur"].sum(), "right", ""),
        (lambda orders: sum(orders["amount_eur"]), "right", ""),
        (lambda orders: orders["amount_eur"].mean(), "misconception", "Sum."),
        (lambda _: 35.0, "wrong", "test case 2 of 2"),
        (lambda orders: orders["amount"].sum(), "wrong", "KeyError"),
        (lambda: 1, "wrong", "TypeError"),
        (lambda _: None, "not attempted", "returns nothing"),
        (lambda orders: 35.0 if len(orders) > 1 else None, "wrong", "in some cases"),
        (lambda _: "35", "wrong", "On test case 1"),
        (spoils, "wrong", "changes the table"),
        (overwrites, "wrong", "changes the table"),
        (stops, "wrong", "SystemExit"),
        (35.0, "wrong", "takes a function"),
        (AlwaysEqual(), "wrong", "takes a function"),
    ],
)
def test_functions(answer, status, says):
    source = source_of()
    before = source["orders"].copy()
    outcome = judge(function(), answer, source)
    assert (outcome.status, says in outcome.message) == (status, True), outcome
    pd.testing.assert_frame_equal(source["orders"], before)


def rfm_answer(**changed):
    def rfm(orders, end):
        day = orders["ordered_at"].dt.normalize()
        days = orders.assign(day=day).groupby(["customer_id", "day"])["amount"].sum().reset_index()
        each = days.groupby("customer_id")
        first, last, count = each["day"].min(), each["day"].max(), each.size()
        money = (each["amount"].sum() - each["amount"].first()) / (count - 1).where(count > 1)
        table = pd.DataFrame(
            {
                "frequency": count - 1,
                "recency": (last - first).dt.days,
                "T": (end - first).dt.days,
                "monetary_value": money.fillna(0),
            }
        )
        return table.assign(**{name: how(orders, days, end) for name, how in changed.items()})

    return rfm


def duration_of(days):
    each = days.groupby("customer_id")["day"]
    return each.max() - each.min()


def mean_of_days(_, days, __):
    return days.groupby("customer_id")["amount"].mean()


@pytest.mark.parametrize(
    ("changed", "misconception"),
    [
        ({}, None),
        ({"frequency": lambda _, days, __: days.groupby("customer_id").size()}, "all days instead of repeat days"),
        ({"frequency": lambda orders, *_: orders.groupby("customer_id").size() - 1}, "orders instead of days"),
        ({"frequency": lambda orders, *_: orders.groupby("customer_id").size()}, "all orders"),
        ({"monetary_value": mean_of_days}, "the first day counts as money"),
        (
            {
                "frequency": lambda _, days, __: days.groupby("customer_id").size(),
                "monetary_value": mean_of_days,
            },
            "all days instead of repeat days",
        ),
        (
            {"T": lambda orders, _, end: (end - orders.groupby("customer_id")["ordered_at"].min()).dt.days},
            "the time of day left in",
        ),
    ],
)
def test_the_mistakes_taught_before_rfm_are_recognised_column_by_column(changed, misconception):
    outcome = judge(named("2.2"), rfm_answer(**changed), opened("default"))
    assert (outcome.status, outcome.misconception) == ("misconception" if misconception else "right", misconception)


def test_a_function_that_makes_a_wrong_table_is_shown_a_case():
    wrong = rfm_answer(frequency=lambda _, days, __: days.groupby("customer_id").size() + 5)
    outcome = judge(named("2.2"), wrong, opened("default"))
    assert outcome.status == "wrong"
    assert "such as customer_id 7: yours is 7, and 1 is expected. Its rows in the test table" in outcome.message
    assert "(called with 2025-02-01" in outcome.message
    assert "\n7,2025-01-04 20:00:00,5.0\n" in outcome.message
    assert "\n8," not in outcome.message
    assert "<br>7,2025-01-04 20:00:00,5.0<br>" in outcome._repr_mimebundle_()["text/html"]
    outcome = judge(named("2.2"), rfm_answer(recency=lambda _, days, __: duration_of(days)), opened("default"))
    assert "Column 'recency' holds durations; .dt.days gives whole days." in outcome.message


def test_only_the_first_rows_of_a_long_case_are_shown():
    orders = pd.DataFrame({"customer_id": ["a"] * 12, "amount_eur": range(12)})
    sums = Question(
        "9.9",
        "S",
        "A.",
        "function",
        lambda _: lambda orders: orders.groupby("customer_id")["amount_eur"].sum(),
        cases=lambda _: [(orders,)],
        returns="table",
        keys=("customer_id",),
    )
    outcome = judge(sums, lambda orders: orders.groupby("customer_id")["amount_eur"].mean(), source_of())
    assert "customer_id 'a': yours is 5.5, and 66 is expected. The first 8 of its 12 rows" in outcome.message
    assert "a,7\n" in outcome.message
    assert "a,8\n" not in outcome.message


SMALL = [(seed, size) for size in (50, 60, 73, 100, 200) for seed in (0, 3, 8)]


@pytest.mark.parametrize(("seed", "size"), SMALL)
def test_a_fifth_and_a_tenth_may_be_rounded_in_any_way_at_small_companies(seed, size):
    source = datasets.open_source(seed=seed, n_customers=size, tables=TABLES)
    homes = source["customers"].query("account == 'private'")["customer_id"]
    orders = source["orders"][source["orders"]["customer_id"].isin(homes)]
    revenue = orders.groupby("customer_id")["amount_eur"].sum()
    for name, each, share in (("2.5", revenue, 0.2), ("2.Q4", lifetime_values(orders), 0.1)):
        ranked = each.sort_values(ascending=False)
        exact = round(len(ranked) * share, 6)
        answers = [ranked.head(count).sum() / ranked.sum() for count in (int(exact), round(exact), math.ceil(exact))]
        answers += [segments.top_share(each, share), each[each >= each.quantile(1 - share)].sum() / each.sum()]
        for answer in (*answers, *(round(answer, 2) for answer in answers)):
            outcome = judge(named(name), answer, source)
            assert outcome.status == "right", f"{answer}: {outcome}"
        assert judge(named(name), 0.5 * answers[0], source).status == "wrong"


def lifetime_values(orders):
    summary = segments.rfm_summary(orders, amount="amount_eur")
    try:
        bought, spend = segments.fit_bg_nbd(summary), segments.fit_gamma_gamma(summary)
    except segments.ConvergenceError:
        bought, spend = segments.fit_bg_nbd(summary, prior_sd=2), segments.fit_gamma_gamma(summary, prior_sd=2)
    valued = segments.value_customers(summary, bought, spend, months=12, annual_discount_rate=0.1, margin=0.4)
    return valued.table["lifetime_value"]


def test_a_tie_in_2_9_leaves_both_segments_right():
    real = opened("cdnow")
    assert [judge(named("2.9"), name, real).status for name in ("loyal", "at risk")] == ["right", "right"]
    assert "the other way round" in judge(named("2.9"), "champions", real).misconception.split(" or ")
    assert judge(named("2.9"), "loyal", opened("default")).status == "wrong"


def test_a_gini_of_something_else_is_not_called_turned_round():
    homes = opened("default")["customers"].query("account == 'private'")["customer_id"]
    orders = opened("default")["orders"]
    summary = segments.rfm_summary(orders[orders["customer_id"].isin(homes)], amount="amount_eur")
    outcome = judge(named("2.Q3"), segments.gini(summary["monetary_value"]), opened("default"))
    assert (outcome.status, outcome.misconception) == ("wrong", None)
    small = opened("small")
    outcome = judge(named("2.Q3"), 1 - named("2.Q3").solve(small), small)
    assert outcome.misconception == "one minus"


@pytest.mark.parametrize("name", ["2.5", "2.8", "2.Q1", "2.Q3", "2.Q4"])
def test_percentages_are_recognised_wherever_the_segments_ask_for_a_share(name):
    right = named(name).solve(opened("default"))
    for percentage in (100 * right, round(100 * right, 1), round(100 * right)):
        assert judge(named(name), percentage, opened("default")).misconception == "percent"


@pytest.mark.parametrize("answer", [109.724, 219.0])
def test_2_7_says_that_the_parameters_do_not_count(answer):
    assert "12 months and a margin of 40%, whatever" in judge(named("2.7"), answer, opened("default")).message


def test_what_is_asked_of_private_customers_says_what_else_to_do():
    asked = [question.ask for question in all_questions() if question.name.startswith("2.")]
    private = [ask for ask in asked if "private customer" in ask]
    assert len(private) >= 8
    assert all("if your data do not say who is private" in ask for ask in private)


def test_a_checker_gives_hints_one_at_a_time_and_then_says_so():
    check = questions.Checker("nine", [number()], source_of())
    said = [check.hint("9.1").message for _ in range(4)]
    assert said == ["(1 of 2) One.", "(2 of 2) Two.", "There are no more hints.", "There are no more hints."]
    assert check.ask("9.1").message == "A share. What share? Two decimals are enough."
    assert questions.Checker("nine", [choice()], source_of()).ask("9.2").message == "Who. Who?"


def test_what_the_reader_does_to_a_table_does_not_move_the_right_answer():
    source = source_of()
    total = Question("9.6", "T", "T?", "number", lambda s: s["orders"]["amount_eur"].sum())
    check = questions.Checker("nine", [total], source)
    source["orders"]["amount_eur"] *= 2
    assert check("9.6", 35).status == "right"


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match=r"no question '2\.99'; it has .*2\.1"):
        questions.checker("segments", source_of())("2.99", 1)
    with pytest.raises(ValueError, match=r"no questions on 'segment'; there are some on .*segments"):
        questions.checker("segment", source_of())


def test_an_outcome_shows_itself_with_an_icon_and_a_word_and_escapes():
    shown = judge(number(), "<b>", source_of())._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    assert shown["text/plain"].startswith("9.1 not yet: '<b>' is text")
    assert "&#10007; 9.1 Not yet." in shown["text/html"]
    assert "&lt;b&gt;" in shown["text/html"]
    assert "<script" not in shown["text/html"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "choice"}, "two or more choices"),
        ({"kind": "function"}, "needs cases"),
        ({"kind": "table"}, "needs keys"),
        ({"kind": "number", "points": 0}, "points"),
    ],
)
def test_a_question_that_cannot_be_judged_is_refused(fields, says):
    with pytest.raises(ValueError, match=says):
        Question("9.9", "T", "A?", solve=lambda _: 1, **fields)


# ---- taken in one process, judged in another


def through_json(taken):
    return json.loads(json.dumps(taken, allow_nan=False))


def judged_apart(question, answer, source):
    cases = cases_from_json(through_json(cases_to_json(question.cases(source)))) if question.cases else ()
    return judge_taken(question, through_json(take(question.form, answer, cases)), source)


@pytest.mark.parametrize(
    "question", [pytest.param(named(n), id=n) for n in ("2.1", "2.3", "3.2", "4.6", "9.3", "10.5")]
)
def test_an_answer_judged_apart_comes_to_the_same(question):
    source, question = opened("default"), solved_once(question)
    for solve in (question.solve, *question.wrong, *(known.solve for known in question.misconceptions)):
        here, apart = judge(question, solve(source), source), judged_apart(question, solve(source), source)
        assert dataclasses.replace(apart, message=here.message) == here
        assert here.message == apart.message + f' check.hint("{question.name}") helps.' * (
            here.message.endswith("helps.")
        )


def decision(**fields):
    levels = ((2, "Says why.", "Because."), (0, "Does not.", "Maybe."))
    known = (Misconception("gross", lambda _: 50.0, "Net.", credit=0.5), Misconception("odd", lambda _: 51.0, "Odd."))
    fields = {"points": 3, "misconceptions": known, "rubric": (Criterion("reason", levels),)} | fields
    return Question("9.5", "D", "D?", "decision", lambda _: 35.0, **fields)


@pytest.mark.parametrize(
    ("answer", "status", "points", "says"),
    [
        ({"claim": "C.", "number": 35, "action": "A."}, "right", 3, "computed"),
        ({"claim": "C.", "number": 50.0, "action": "A."}, "misconception", 1.5, "Net."),
        ({"claim": "C.", "number": 51.0, "action": "A."}, "misconception", 0, "Odd."),
        (
            {"claim": "C.", "number": "35", "action": "A."},
            "wrong",
            0,
            "The number of the decision cannot be read. '35'",
        ),
        ({"claim": "C.", "number": ..., "action": None}, "wrong", 0, "no number yet"),
        ({"number": 35}, "right", 3, "computed"),
        (
            {"claim": 1, "number": 35, "action": "A."},
            "wrong",
            0,
            "The claim of a decision is text, in quotes; this is an",
        ),
        ({"claim": "", "number": ..., "action": None}, "not attempted", 0, "The decision is empty"),
        (35, "wrong", 0, "A decision is a dict with 'claim', 'number' and 'action'; this is an int"),
        (..., "not attempted", 0, "three dots"),
    ],
)
def test_a_decision_is_judged_by_its_number(answer, status, points, says):
    for way in (judge, judged_apart):
        outcome = way(decision(), answer, source_of())
        assert (outcome.status, outcome.points, outcome.out_of) == (status, points, 3)
        assert says in outcome.message


def test_the_texts_of_a_decision_come_out_even_if_its_number_cannot_be_read():
    taken = take(decision().form, {"claim": "C.", "number": "35", "action": "A."})
    assert taken["value"] == {"claim": "C.", "number": None, "action": "A."}


def test_the_credit_of_ways_that_cannot_be_told_apart_is_the_largest():
    ways = tuple(Misconception(str(credit), lambda _: 0.8, "S.", credit=credit) for credit in (0.25, 0.5, 0.0))
    outcome = judge(number(misconceptions=ways, points=2), 0.8, source_of())
    assert (outcome.points, type(outcome.points)) == (1, int)


QUESTIONS = {
    "number": number(),
    "choice": choice(),
    "table": table(),
    "function": Question("9.9", "F", "F?", "function", lambda _: abs, cases=lambda _: [(1,), (-2,)]),
    "decision": decision(),
}


def some_table(**changed):
    return {"keys": ["customer_id"], "rows": [[1.0], [2.0]], "columns": [["sum", [30.0, 5.0]]]} | changed


def some_decision(**changed):
    return {"claim": "C.", "number": 35.0, "action": "A."} | changed


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("number", None),
        ("number", []),
        ("number", {}),
        ("number", {"state": "right"}),
        ("number", {"state": ["given"], "value": 1.0}),
        ("number", {"state": "given", "value": 1.0, "points": 9}),
        ("number", {"state": "none"}),
        ("number", {"state": "none", "says": "Full marks."}),
        ("number", {"state": "refused", "says": "x" * 2001}),
        ("number", {"state": "refused", "says": "\ud800"}),
        *(("number", {"state": "given", "value": value}) for value in (1, True, "1", None, math.nan, math.inf, [1.0])),
        *(("choice", {"state": "given", "value": value}) for value in ("loyal", "LOYAL CAFÉ", 1.0, ["Office"], None)),
        *(
            ("table", {"state": "given", "value": value})
            for value in (
                [],
                some_table(more=1),
                some_table(keys=["who"]),
                some_table(rows=[[1.0]]),
                some_table(rows=[[1.0], [1.0]]),
                some_table(rows=[[1.0, 2.0], [2.0, 3.0]]),
                some_table(rows=[[1.0], [[2.0]]]),
                some_table(rows={"0": [1.0]}),
                some_table(columns=[["sum", [30.0, 5.0]], ["sum", [30.0, 5.0]]]),
                some_table(columns=[["sum", [30.0, math.nan]]]),
                some_table(columns=[["sum", [30.0, 5]]]),
                some_table(columns=[["sum"]]),
                some_table(columns=[[1.0, [30.0, 5.0]]]),
                some_table(columns=[["sum", [30.0, "x" * 10_001]]]),
                some_table(columns=[[str(i), [1.0, 1.0]] for i in range(10_000)]),
            )
        ),
        *(
            ("function", {"state": "given", "value": value})
            for value in (
                [1.0, 2.0],
                {"results": [1.0]},
                {"results": [1.0] * 201},
                {"results": [1.0, "2"]},
                {"results": 1.0},
            )
        ),
        *(
            ("decision", {"state": "given", "value": value})
            for value in (
                some_decision(number=None),
                some_decision(number=1),
                some_decision(claim=None),
                some_decision(claim="x" * 10_001),
                some_decision(more=""),
                {"claim": "C."},
            )
        ),
        ("decision", {"state": "given", "value": some_decision(), "says": "x"}),
    ],
)
def test_what_take_does_not_give_is_tampered(kind, taken):
    outcome = judge_taken(QUESTIONS[kind], taken, source_of())
    assert (outcome.status, outcome.points) == ("tampered", 0)
    assert "does not fit" in outcome.message
    assert "Tampered with" in outcome._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("question", "answer", "says"),
    [
        (
            table(),
            pd.DataFrame({"customer_id": range(10_001), "n": 1}),
            "The table has 20,002 cells; 20,000 are the most",
        ),
        (table(), {"customer_id": [1], "n": [math.inf]}, "is infinite: look for a division by zero"),
        (table(), {"customer_id": [1], "n": ["x" * 10_001]}, "has 10,001 characters; 10,000 are the most"),
        (decision(), {"claim": "x" * 10_001, "number": 1}, "has 10,001 characters"),
        (choice(), "x" * 100_000, "xxx ..."),
    ],
)
def test_an_answer_beyond_the_limits_is_refused_when_it_is_taken(question, answer, says):
    taken = take(question.form, answer)
    assert taken["state"] == "refused"
    assert says in taken["says"]
    assert judge_taken(question, taken, source_of()).status == "wrong"


def test_halves_of_surrogate_pairs_do_not_come_out():
    assert take(decision().form, {"claim": "a\ud800b", "number": 1})["value"]["claim"] == "a?b"

    def refuses(_):
        raise ValueError("a\ud800b")

    assert "ValueError: a?b" in take(QUESTIONS["function"].form, refuses, [(1,)])["says"]


CASE = pd.DataFrame(
    {
        "at": pd.to_datetime(["2025-01-01 09:00", None]),
        "there": pd.to_datetime(["2025-07-01 09:00", None]).tz_localize("Europe/Berlin"),
        "took": pd.to_timedelta([1, None], unit="D"),
        "group": pd.Categorical(["b", None], categories=["b", "a"], ordered=True),
        "count": pd.array([1, None], dtype="Int64"),
        "share": [0.1 + 0.2, math.inf],
        "flag": [True, False],
        "name": ["é", None],
        "mixed": np.array([True, math.nan], dtype=object),
    },
    index=pd.Index([3, 9], name="k"),
)


def test_cases_go_through_json_as_they_are():
    case = (
        CASE,
        CASE.reset_index(drop=True),
        CASE["group"],
        0.1 + 0.2,
        3,
        "é",
        None,
        True,
        [1.5, ["a"]],
        {"a": math.inf},
    )
    (back,) = cases_from_json(through_json(cases_to_json([case])))
    pd.testing.assert_frame_equal(back[0], case[0])
    pd.testing.assert_frame_equal(back[1], case[1])
    pd.testing.assert_series_equal(back[2], case[2])
    assert back[3:] == case[3:]
    (moment,) = cases_from_json(through_json(cases_to_json([(pd.Timestamp("2025-02-01", tz="UTC"),)])))[0]
    assert moment == pd.Timestamp("2025-02-01", tz="UTC")


@pytest.mark.parametrize(
    ("cases", "says"),
    [
        ([(1,)] * 201, "201 cases; 200 are the most"),
        ([(object(),)], "a case holds an object"),
        ([(CASE.set_index(["name", "flag"]),)], "use reset_index"),
        ([(CASE.set_axis(range(9), axis=1),)], "each a text"),
        ([(CASE.assign(p=pd.PeriodIndex(["2025", "2026"], freq="Y")),)], "the column 'p' of a case is of type period"),
        ([(pd.Series([1], name=3),)], "a Series named 3"),
    ],
)
def test_cases_that_cannot_be_written_say_so(cases, says):
    with pytest.raises(ValueError, match=says):
        cases_to_json(cases)
