"""The history of runs: every answer once, the same file again, other exports of the same survey."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crkit import cli, datasets, workbook
from crkit.feedback_history import plot_runs, record_run
from crkit.feedback_loop import kaplan_meier, plot_survival
from crkit.feedback_scores import require_enough, scores


@pytest.fixture(scope="module")
def answers():
    feedback = datasets.load("feedback")
    return feedback[feedback["answered_at"].notna()].sort_values("answered_at", ignore_index=True)


@pytest.fixture
def history(tmp_path):
    return tmp_path / "feedback_history.csv"


def up_to(answers, moment, after="2000"):
    return answers[(answers["answered_at"] < moment) & (answers["answered_at"] >= after)]


def test_the_second_run_compares_its_new_answers_with_the_first(answers, history):
    first = record_run(up_to(answers, "2025-03"), history, data="a.csv")
    assert first.changes.empty and "first run" in first.said[0]
    second = record_run(up_to(answers, "2025-06"), history, data="b.csv")
    assert second.said[0].startswith("Since the last run (a.csv, answers up to 28 February 2025) came ")
    nps = second.changes.set_index("kind").loc["NPS"]
    old, new = (
        scores(part, "NPS").table.iloc[0] for part in (up_to(answers, "2025-03"), up_to(answers, "2025-06", "2025-03"))
    )
    assert (nps["before"], nps["now"]) == pytest.approx((old["estimate"], new["estimate"]))
    error = np.hypot(old["se"], new["se"])
    assert nps["upper"] - nps["lower"] == pytest.approx(2 * 1.959964 * error, rel=1e-6)
    assert pd.read_csv(history)["data"].unique().tolist() == ["a.csv", "b.csv"]


def test_the_same_file_again_replaces_its_row_and_says_the_same(answers, history):
    record_run(up_to(answers, "2025-03"), history, data="a.csv")
    second = record_run(up_to(answers, "2025-06"), history, data="b.csv")
    kept = history.read_bytes()
    again = record_run(up_to(answers, "2025-06").sample(frac=1, random_state=1), history, data="b.csv")
    assert again.said == second.said and history.read_bytes() == kept
    pd.testing.assert_frame_equal(again.table, second.table)


@pytest.mark.parametrize("since", ["2000", "2025-01", "2025-03"])
def test_it_does_not_matter_how_far_back_an_export_reaches(answers, tmp_path, since):
    """All answers so far, the last months, or the new ones only."""
    told = []
    for number, start in enumerate(("2000", since)):
        history = tmp_path / f"{number}.csv"
        record_run(up_to(answers, "2025-03"), history, data="a.csv")
        told.append(record_run(up_to(answers, "2025-06", start), history, data="b.csv"))
    assert told[0].said == told[1].said
    pd.testing.assert_frame_equal(told[0].table, told[1].table)


@settings(max_examples=5, deadline=None)
@given(st.sets(st.integers(30, 1800), min_size=2, max_size=4))
def test_every_answer_is_counted_once_whatever_the_runs(tmp_path_factory, answers, sizes):
    history = tmp_path_factory.mktemp("runs") / "history.csv"
    for size in sorted(sizes):
        runs = record_run(answers.head(size), history, data="x.csv")
    table = runs.table
    again = [
        ((table["kind"] == kind) & (table["after"] < until) & (table["until"] > until)).any()
        or ((table["kind"] == kind) & table["after"].isna() & (table["until"] > until)).any()
        for kind, until in zip(table["kind"], table["until"], strict=True)
    ]
    assert table.loc[again, "estimate"].isna().all(), "only what was too little for a score is taken again"
    assert table.loc[np.invert(again), "answers"].sum() == max(sizes)
    assert runs.table["until"].nunique() == len(sizes)


def test_a_run_on_older_data_does_not_disturb_later_ones(answers, history):
    record_run(up_to(answers, "2025-03"), history, data="a.csv")
    record_run(up_to(answers, "2025-06"), history, data="c.csv")
    kept = history.read_bytes()
    middle = record_run(up_to(answers, "2025-05"), history, data="b.csv")
    assert "already holds a later run" in middle.said[-1] and history.read_bytes() == kept


def test_a_week_with_too_few_answers_says_so(answers, history):
    record_run(answers.iloc[:400], history, data="a.csv")
    few = record_run(answers.iloc[:404], history, data="b.csv")
    assert any("too few answers in this run" in sentence for sentence in few.said)
    assert "they wait for the next run" in " ".join(few.said)
    with pytest.raises(ValueError, match="there is one so far"):
        plot_runs(few)


def nps_of(people, score, day, first=0):
    """One NPS answer of each of some people, all on one day."""
    who = [f"c{first + i}" for i in range(people)]
    at = pd.Timestamp(day) + pd.to_timedelta(range(people), unit="min")
    return pd.DataFrame({"customer_id": who, "kind": "NPS", "answered_at": at, "score": score})


def test_a_change_that_comes_a_few_answers_a_week_is_found(history):
    """Six a week are too few for a score, but they wait for the next ones instead of being forgotten."""
    parts = [nps_of(40, [10, 9, 8, 7] * 10, "2025-03-01")]
    record_run(parts[0], history, data="a.csv")
    for week in range(4):
        parts.append(nps_of(6, 2, f"2025-03-{8 + 7 * week:02d}", 100 + 10 * week))
        runs = record_run(pd.concat(parts), history, data=f"{week}.csv")
        assert record_run(pd.concat(parts), history, data=f"{week}.csv").said == runs.said
        verdict = runs.said[-1]
        if week % 2:
            assert "now -100 from 12 since " in verdict and "more than chance usually does (95 %)" in verdict
        else:
            assert "they wait for the next run" in verdict
    assert runs.table["estimate"].notna().sum() == 3
    assert "since 15 March 2025" in verdict


def test_answers_that_the_file_no_longer_holds_cannot_wait(history):
    record_run(nps_of(40, [10, 9, 8, 7] * 10, "2025-03-01"), history, data="a.csv")
    for week in range(2):
        runs = record_run(nps_of(6, 2, f"2025-03-{8 + 7 * week:02d}"), history, data="b.csv")
        assert "too few answers in this run" in runs.said[-1]
    assert runs.table["answers"].tolist() == [40, 6, 6]


def test_a_run_is_compared_with_all_runs_before_it(history):
    for day, score in ((1, [10, 10, 8, 6]), (8, [10, 8, 6, 6]), (15, [10, 8, 8, 8])):
        runs = record_run(nps_of(40, score * 10, f"2025-03-{day:02d}", 100 * day), history, data="a.csv")
    (row,) = runs.changes.to_dict("records")
    errors = runs.table["se"].to_numpy()
    assert (row["answers_before"], row["before"], row["now"]) == (80, pytest.approx(0.0), pytest.approx(25.0))
    assert row["se"] == pytest.approx(np.hypot(np.hypot(*errors[:2]) / 2, errors[2]))
    assert "0 from 80 answers in 2 runs, now 25 from 40" in runs.said[-1].replace("-0", "0")


def test_three_kinds_at_once_are_corrected_for_their_number(history):
    def week(day, nps):
        parts = [nps_of(60, nps, day)]
        parts += [parts[0].assign(kind=kind, score=[3, 4, 5] * 20) for kind in ("CSAT", "CES")]
        return pd.concat(parts)

    record_run(week("2025-03-01", [10] * 30 + [5] * 30), history, data="a.csv")
    runs = record_run(week("2025-03-08", [10] * 41 + [5] * 19), history, data="b.csv")
    nps = runs.changes.set_index("kind").loc["NPS"]
    assert nps["lower"] > 0 and 0.05 < nps["p_holm"] < 0.15 and nps["noise"]
    assert "may be noise, as one of 3 comparisons" in " ".join(runs.said)


def test_a_kind_that_was_not_asked_last_time_says_so(answers, history):
    record_run(answers[answers["kind"] == "NPS"].iloc[:400], history, data="a.csv")
    runs = record_run(answers, history, data="b.csv")
    notes = runs.changes.set_index("kind")["note"]
    assert notes["CSAT"] == "too few answers in the earlier runs" and notes["NPS"] == ""


def test_what_cannot_be_used_is_refused(answers, history):
    history.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"feedback_history.csv is no history of runs, .* move it away"):
        record_run(answers, history, data="a.csv")
    assert history.read_text(encoding="utf-8") == "a,b\n1,2\n"
    with pytest.raises(ValueError, match="there is no answer"):
        record_run(answers.assign(score=pd.NA), history.with_name("new.csv"), data="a.csv")
    assert not history.with_name("new.csv").exists()


def test_the_picture_says_what_it_shows(answers, history):
    record_run(up_to(answers, "2025-03"), history, data="a.csv")
    runs = record_run(answers, history, data="b.csv")
    figure = plot_runs(runs)
    assert "up to 28 February 2025" in figure.alt and "NPS over 2 runs" in figure._suptitle.get_text()


def test_the_same_command_next_week_compares_with_last_week(answers, tmp_path, monkeypatch, capsys):
    settings = workbook.parameters(workbook.read(workbook.find("feedback")))
    assert settings["history_file"].default == "", "a run with defaults keeps no history"
    monkeypatch.chdir(tmp_path)
    command = ["run", "feedback", "-p", "data=answers.csv", "--out", "report"]
    pages = []
    for until in ("2025-12-15", "2025-12-22"):
        week = up_to(answers, until, "2025-06")
        wide = week[["customer_id", "answered_at", "comment"]].assign(nps=week["score"].where(week["kind"] == "NPS"))
        wide.to_csv("answers.csv", index=False)
        assert cli.main(command) == 0, capsys.readouterr().err
        pages.append((tmp_path / "report/feedback.html").read_text(encoding="utf-8"))
    assert "This is the first run" in pages[0] and "Since the last run (" not in pages[0]
    assert "Since the last run (answers.csv, answers up to 14 December 2025) came" in pages[1]
    history = pd.read_csv(tmp_path / "report/feedback_history.csv")
    asked = answers[answers["kind"] == "NPS"]
    assert history["answers"].tolist() == [
        len(up_to(asked, "2025-12-15", "2025-06")),
        len(up_to(asked, "2025-12-22", "2025-12-15")),
    ]


def test_too_few_answers_are_refused_with_a_sentence(answers):
    require_enough(answers)
    with pytest.raises(ValueError, match="10 customers or more; here are 3"):
        require_enough(answers[answers["kind"] == "NPS"].drop_duplicates("customer_id").head(3))
    with pytest.raises(ValueError, match="here are 0"):
        require_enough(answers.assign(score=pd.NA))


def test_waits_that_all_end_beyond_the_axis_can_be_drawn():
    figure = plot_survival({"the unhappy": kaplan_meier([500, 900, 1000], [1, 0, 0])})
    assert "100 % still wait after 48 hours" in figure.alt
