from __future__ import annotations

import dataclasses
import importlib
import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crkit import datasets, questions
from crkit.questions import Misconception, Question, judge

SOURCES = {
    "default": {},
    "seed 7": {"seed": 7},
    "small": {"seed": 3, "n_customers": 200},
    "over_automated": {"scenario": "over_automated"},
    "ignored_feedback": {"scenario": "ignored_feedback"},
    "impersonal": {"scenario": "impersonal"},
    "cdnow": {"data": "cdnow"},
}
TABLES = ("orders", "customers", "contacts", "truth")
OPENED: dict[str, datasets.Source] = {}


def opened(name):
    if name not in OPENED:
        OPENED[name] = datasets.open_source(**SOURCES[name], **({} if name == "cdnow" else {"tables": TABLES}))
    return OPENED[name]


def all_questions():
    for topic in questions.topics():
        yield from importlib.import_module(f"crkit.questions.{topic}").QUESTIONS


EACH = [pytest.param(question, id=question.name) for question in all_questions()]


@pytest.mark.parametrize("source_name", SOURCES)
@pytest.mark.parametrize("question", EACH)
def test_right_alternative_and_wrong_answers(question, source_name):
    source = opened(source_name)
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
    source = opened("default")
    for known in question.misconceptions:
        outcome = judge(question, known.solve(source), source)
        assert outcome.status == "misconception", f"{known.name} coincides with the right answer: {outcome}"
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
    assert {name.split(".")[0] for name in names} >= {"0", "2"}


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
        (0.354, "0.354 is not the value"),
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
        (AlwaysEqual(), "this is a AlwaysEqual"),
        (Pretender(), "this is a Pretender"),
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


def test_a_percentage_is_recognised_only_where_a_share_is_asked_for():
    assert judge(number(), 35, source_of()).misconception == "percent"
    assert judge(number(share=False), 35, source_of()).status == "wrong"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_only_numbers_within_the_tolerance_are_right(value):
    outcome = judge(number(relative=0.0, absolute=0.05), value, source_of())
    assert (outcome.status == "right") == (abs(value - 0.35) <= 0.05)


def test_not_attempted():
    assert judge(number(), ..., source_of()).status == "not attempted"
    assert judge(number(), None, source_of()).status == "not attempted"


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
        (lambda t: t.assign(sum=[AlwaysEqual(), AlwaysEqual()]), "holds a AlwaysEqual"),
        (lambda t: t.assign(sum=t["sum"].astype(str)), "Column 'sum' differs"),
        (lambda t: t.assign(sum=[30.0, None]), "Column 'sum' differs"),
        (lambda t: t.drop(columns="size"), "no column 'size'"),
        (lambda t: t.drop(columns="customer_id"), "such as customer_id"),
        (lambda t: t.iloc[:1], "1 row(s) are missing"),
        (lambda t: pd.concat([t, t]), "Rows repeat"),
        (lambda t: t.iloc[:0], "2 row(s) are missing"),
        (lambda t: t.to_numpy(), "this is a ndarray"),
        (lambda t: pd.concat([t, t["sum"]], axis=1), "same name"),
        (lambda t: t["sum"].set_axis(pd.Index([1, 2], name="who")), "no column or index 'customer_id'"),
        (lambda _: [], "this is a list"),
        (lambda _: AlwaysEqual(), "this is a AlwaysEqual"),
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


def test_a_checker_gives_hints_one_at_a_time_and_then_says_so():
    check = questions.Checker("nine", [number()], source_of())
    said = [check.hint("9.1").message for _ in range(4)]
    assert said == ["(1 of 2) One.", "(2 of 2) Two.", "There are no more hints.", "There are no more hints."]
    assert check.ask("9.1").message == "A share. What share?"


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
