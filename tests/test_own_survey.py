"""The reader's own survey export: one column a question, partial answers, scores as text, other scales."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crkit import cli, datasets
from crkit.datasets import FileProblem

HEADER = "Kunde;Gesendet;Zeitpunkt;Weiter sagen?;Zufrieden?;Aufwand;Lieferung;Kommentar\n"
COLUMNS = {"customer_id": "Kunde", "sent_at": "Gesendet", "answered_at": "Zeitpunkt", "nps": "Weiter sagen?",
           "csat": "Zufrieden?", "ces": "Aufwand", "rating_speed": "Lieferung", "comment": "Kommentar"}  # fmt: skip
ANONYMOUS = {ours: theirs for ours, theirs in COLUMNS.items() if ours not in ("customer_id", "sent_at")}
ROWS = (
    '17;10.03.2025;13.03.2025 14:05;10 - extremely likely;4;7;5;"gut; sehr"\n'
    "18;10.03.2025;;;;;;\n"
    "19;10.03.2025;14.03.2025 09:00;9/10;n/a;;4;\n"
    "20;10.03.2025;14.03.2025 09:00;;;;;nur Text\n"
)


@pytest.fixture
def read(tmp_path):
    def read(content, columns=COLUMNS, table="feedback"):
        file = tmp_path / "answers.csv"
        file.write_text(content, encoding="utf-8-sig")
        result = datasets.read_file(file, table, columns=columns, today="2025-12-31")
        assert result.read == result.used + len(result.set_aside)
        return result

    return read


def days(column, values):
    """A file of one question, an answer a minute."""
    rows = "".join(f"2025-03-01 {i // 60:02d}:{i % 60:02d},{value}\n" for i, value in enumerate(values))
    return f"answered_at,{column}\n{rows}"


def test_each_answer_becomes_a_row_and_what_a_person_said_is_there_once(read):
    frame = read(HEADER + ROWS).frame
    assert frame["kind"].tolist() == ["NPS", "CSAT", "CES"] * 4
    assert frame["customer_id"].tolist() == [word for word in ("17", "18", "19", "20") for _ in range(3)]
    assert (
        frame["score"].astype(object).where(frame["score"].notna(), None).tolist()
        == [10, 4, 7] + [None] * 3 + [9] + [None] * 5
    )
    assert frame["comment"].dropna().to_dict() == {0: "gut; sehr", 9: "nur Text"}
    assert frame["rating_speed"].dropna().to_dict() == {0: 5, 6: 4}
    assert frame["answered_at"].notna().tolist() == [True] * 3 + [False] * 3 + [True, False, False] * 2
    assert (frame["sent_at"] == pd.Timestamp("2025-03-10")).all()
    assert frame["feedback_id"].is_unique


def test_a_reply_goes_with_each_answer_and_with_nothing_else(read):
    content = (
        "customer_id,sent_at,answered_at,nps,csat,ces,replied_at,owner\n1,2025-03-01,2025-03-02,2,1,,2025-03-03,Ann\n"
    )
    frame = read(content, {}).frame
    assert frame["replied_at"].notna().tolist() == frame["owner"].notna().tolist() == [True, True, False]


def test_a_survey_of_answers_only_has_a_row_for_each_score(read):
    result = read(HEADER + ROWS, ANONYMOUS)
    assert result.frame["kind"].tolist() == ["NPS", "CSAT", "CES", "NPS", "NPS"]
    assert result.frame["customer_id"].nunique() == 3, "a row is a customer of its own"
    assert "sent_at" not in result.frame
    assert result.set_aside[["line", "reason"]].to_numpy().tolist() == [[3, "Zeitpunkt is empty"]]
    said = " ".join(result.notes)
    assert "intervals are too narrow" in said
    assert "who was asked and did not answer cannot be seen" in said and "1 row leaves out a question" in said


def test_the_kits_own_names_need_no_mapping(read):
    content = "answered_at,nps,ces,comment,segment,rating_web_site\n2025-03-01,9,6,good,A,5\n2025-03-02,3,2,bad,B,1\n"
    frame = read(content, {}).frame
    assert frame[["kind", "score", "segment"]].to_numpy().tolist() == [
        ["NPS", 9, "A"],
        ["CES", 6, "A"],
        ["NPS", 3, "B"],
        ["CES", 2, "B"],
    ]
    assert frame["rating_web_site"].dropna().tolist() == [5, 1]


def test_rows_that_cannot_be_right_are_set_aside_with_their_reason(read):
    bad = (
        "21;10.03.2025;;7;;;;\n22;10.03.2025;09.03.2025;7;;;;\n23;10.03.2025;14.03.2025;perhaps;;;;\n"
        "24;10.03.2025;15.03.2025;8.5;;;;\n25;10.03.2025;15.03.2025;8;;;;\n"
    )
    result = read(HEADER + ROWS + bad)
    assert result.set_aside[["line", "reason"]].to_numpy().tolist() == [
        [6, "Zeitpunkt is empty, and there is an answer"],
        [7, "was answered before it was sent"],
        [8, "Weiter sagen? is not a score"],
        [9, "Weiter sagen? is not a score"],
    ]


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("9", 9), ("10 - extremely likely", 10), ("0 = not at all likely", 0), ("9/10", 9), ("9 out of 10", 9),
        ("8 von 10", 8), ("10.0", 10), ("7,0", 7), ("Score: 9", 9), ("extremely likely (10)", 10), ("8 (likely)", 8),
        ("n/a", None), ("Keine Angabe", None), ("don't know", None),
    ],
)  # fmt: skip
def test_a_score_may_be_text(read, text, score):
    frame = read(days("nps", [text, 3, 5]).replace(f",{text}\n", f',"{text}"\n') + "", {}).frame
    assert frame["score"].dropna().tolist() == ([] if score is None else [score]) + [3, 5]


@pytest.mark.parametrize(
    ("question", "values", "says"),
    [
        ("nps", ["4/5", "10/10"], "it counts to 5, not to 10"),
        ("nps", ["0 - extremely likely", "10 - not at all"], "here the best is 10"),
        ("ces", ["1 (sehr einfach)", "2"], "here the best is 7"),
        ("csat", [1 + i % 10 for i in range(40)], "it holds scores such as 6, and here the scale is from 1 to 5"),
        ("nps", ["85 %", "90 %", "20 %"], "it holds scores such as 85"),
        ("nps", [1 + i % 5 for i in range(40)], "no score of 40 is above 5"),
        ("ces", [1 + i % 5 for i in range(40)], "no score of 40 is above 5"),
        ("rating_price", [1 + i % 7 for i in range(40)], "it holds scores such as 6"),
    ],
)
def test_another_scale_is_refused(read, question, values, says):
    columns = {} if question in ("nps", "csat", "ces") else {"nps": "x"}
    content = days(question, values)
    if columns:
        content = "".join(f"{line},{'x' if i == 0 else 8}\n" for i, line in enumerate(content.splitlines()))
    with pytest.raises(FileProblem, match=says) as caught:
        read(content, columns)
    assert caught.value.column == question and caught.value.advice


def test_the_reader_can_say_that_the_scale_is_ours_or_another(read):
    low = days("nps", [1 + i % 5 for i in range(40)])
    assert len(read(low, {"nps": "nps, 0 to 10"}).frame) == 40
    with pytest.raises(FileProblem, match="is said to be on a scale from 1 to 5"):
        read(low, {"nps": "nps, 1 to 5"})


def test_a_few_slips_are_set_aside_and_do_not_make_another_scale(read):
    result = read(days("csat", [5, 4] * 60 + [55]), {})
    assert result.set_aside["reason"].tolist() == ["csat is not from 1 to 5"] and result.used == 120
    assert read(days("csat", [5, 4, 3, 2, 5, 44]), {}).used == 5, "one slip in six is no scale either"


def test_a_long_file_may_hold_scores_as_text_and_is_held_to_its_scales(read):
    rows = "".join(f"{i},CSAT,2025-03-01,2025-03-02,{1 + i % 5} - ok\n" for i in range(30))
    header = "customer_id,kind,sent_at,answered_at,score\n"
    assert read(header + rows, {}).frame["score"].tolist() == [1 + i % 5 for i in range(30)]
    with pytest.raises(FileProblem, match="CSAT: it holds scores such as 8"):
        read(header + rows.replace("5 - ok", "8"), {})


def test_a_file_without_a_question_is_refused_with_a_mapping_that_works(read):
    content = "Timestamp,How likely are you to recommend us?,Why?\n2025-03-01,9,nice\n2025-03-02,2,bad\n"
    with pytest.raises(FileProblem) as caught:
        read(content, {})
    mapping = caught.value.columns[0]
    assert mapping == {"answered_at": "Timestamp", "nps": "How likely are you to recommend us?", "comment": "Why?"}
    assert read(content, mapping).frame["score"].tolist() == [9, 2]
    with pytest.raises(FileProblem, match="map nps, csat or ces") as caught:
        read("a,b\n1,2\n", {})
    assert caught.value.columns == ()


def test_a_mapping_to_both_shapes_is_refused(read):
    with pytest.raises(FileProblem, match="names kind beside a question"):
        read(HEADER + ROWS, {**COLUMNS, "kind": "Kommentar"})


answers = st.tuples(st.none() | st.integers(0, 10), st.none() | st.integers(1, 5))


@settings(max_examples=30, deadline=None)
@given(st.lists(answers, min_size=1, max_size=30), st.booleans())
def test_every_row_is_used_or_set_aside_and_every_score_is_kept(tmp_path_factory, rows, asked):
    file = tmp_path_factory.getbasetemp() / "property.csv"
    rows = [(9, 5)] * (len(rows) + 1) + rows  # most rows can be used, or the file would be refused
    lines = [
        f"c{i},2025-03-01,{'' if asked and a is None and b is None else '2025-03-02'},{a},{b}".replace("None", "")
        for i, (a, b) in enumerate(rows)
    ]
    file.write_text("\n".join(["customer_id,when,answered_at,nps,rating_x", *lines]), encoding="utf-8")
    columns = {"nps": "nps", **({"sent_at": "when"} if asked else {})}
    result = datasets.read_file(file, "feedback", columns=columns, today="2025-12-31")
    empty = [i + 2 for i, (a, b) in enumerate(rows) if a is None and b is None]
    assert result.read == len(rows) == result.used + len(result.set_aside)
    assert result.set_aside["line"].tolist() == ([] if asked else empty)
    assert result.frame["score"].dropna().tolist() == [a for a, _ in rows if a is not None]
    assert result.frame["rating_x"].dropna().tolist() == [b for _, b in rows if b is not None]


def test_check_data_says_what_a_survey_holds_and_how_to_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answers.csv").write_text(HEADER + ROWS, encoding="utf-8-sig")
    maps = [word for ours, theirs in COLUMNS.items() for word in ("--map", f"{ours}={theirs}")]
    assert cli.main(["check-data", "feedback", "answers.csv", *maps]) == 0
    said = capsys.readouterr().out
    assert "answers.csv: 4 rows read = 4 used + 0 set aside" in said
    assert "NPS: 2 answers to 4 surveys by 2 customers, from 2025-03-13 to 2025-03-14" in said
