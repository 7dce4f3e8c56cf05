"""Checks on the register: each one speaks when it should, is silent when it should, and can be silenced."""

import dataclasses
import datetime

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from crkit import datasets, grouping, hub, intervals

TODAY = datetime.date(2026, 1, 1)
ADVICE = hub.draft(TODAY)[0]

# a change to a record without findings, and the check that must then speak
SPEAKS = {
    "no_name": {"name": ""},
    "no_segment": {"segments": ()},
    "no_value_proposition": {"value_proposition": ""},
    "no_channel": {"channels": ()},
    "no_type": {"interaction_type": ""},
    "no_expected_type": {"expected_type": ""},
    "no_established_type": {"established_type": ""},
    "no_purpose": {"purpose": ""},
    "no_stage": {"stage": ""},
    "no_resource": {"resources": ()},
    "no_activity": {"activities": ()},
    "no_partner": {"partners": ()},
    "no_revenue_stream": {"revenue_streams": ()},
    "no_cost_entry": {"costs": ()},
    "no_cost": {"cost_per_year": None},
    "no_frequency": {"frequency": ""},
    "no_objective": {"objectives": ()},
    "not_as_expected": {"expected_type": "communities"},
    "not_as_chosen": {"established_type": "communities"},
    "no_owner": {"owner": ""},
    "several_owners": {"owner": "Ada and Leo"},
    "no_metric": {"metrics": ()},
    "metric_without_target": {"metrics": [{"name": "m", "current": 1, "unit": "x"}]},
    "metric_without_current": {"metrics": [{"name": "m", "target": 1, "unit": "x"}]},
    "metric_without_unit": {"metrics": [{"name": "m", "current": 0, "target": 0}]},
    "no_feedback_loop": {"feedback_loop": ""},
    "stage_against_purpose": {"stage": "onboarding"},
    "channel_against_type": {"channels": ("web", "Forum")},
    "cost_against_type": {"cost_per_year": 0},
    "retired_but_counted": {"status": "retired"},
    "no_review": {"review_on": None},
    "review_overdue": {"review_on": "2025-12-31"},
    "html_in_text": {"name": "<img src=x onerror=alert(1)>"},
    "unknown_field": {"extra": {"segment": ["homes"], "mood": "sunny"}},
    "unknown_check": {"silenced": {"no_partnr": "we have none"}},
}


def found_by(record, *others):
    table = hub.check_register([record, *others], today=TODAY)
    return table[table["record"] == record.id]


def test_a_good_record_has_no_findings():
    assert list(found_by(ADVICE)["check"]) == []


@pytest.mark.parametrize("check", SPEAKS)
def test_each_check_speaks_alone_and_can_be_silenced_with_a_reason(check):
    record = dataclasses.replace(ADVICE, **SPEAKS[check])
    found = found_by(record)
    assert list(found["check"]) == [check]
    assert found["kind"].item() == hub.CHECKS[check].kind
    assert found["says"].item().endswith((".", "?"))
    assert found["silenced"].item() == ""
    silenced = dataclasses.replace(record, silenced={**record.silenced, check: "we know"})
    assert list(found_by(silenced)["silenced"]) == ["we know"]
    assert hub.health([silenced], found_by(silenced)).loc["R1", "in all"] == 0
    assert hub.health([record], found).loc["R1", "in all"] == 1


def test_one_segment_is_not_promised_two_things_at_one_stage():
    other = dataclasses.replace(ADVICE, id="R2", interaction_type="self_service")
    assert list(found_by(ADVICE, other)["check"]) == ["two_types_for_a_segment"]
    assert list(found_by(ADVICE, dataclasses.replace(other, stage="growth"))["check"]) == []
    assert list(found_by(ADVICE, dataclasses.replace(other, status="planned"))["check"]) == []


def test_a_misspelt_name_is_said_with_the_one_that_was_meant():
    record = dataclasses.replace(
        ADVICE,
        extra={"Segment": ["homes"], "ownr": "Ada", "mood": "sunny"},
        metrics=({"name": "m", "current": 1, "target": 1, "unit": "x", "targt": 2},),
        silenced={"no_partnr": "we have none", "the moon": "it is full"},
    )
    says = found_by(record).set_index("check")["says"]
    assert says["unknown_field"] == (
        "It is kept, and not read: 'Segment' (did you mean segments?), 'ownr' (did you mean owner?), "
        "'targt' (did you mean target?)."
    )
    assert says["unknown_check"] == (
        "There is no check 'no_partnr' (did you mean no_partner?), 'the moon', so nothing is silenced by it."
    )


def test_every_check_is_tested():
    from_data = {name for name, check in hub.CHECKS.items() if check.kind == "data"}
    assert set(SPEAKS) | from_data | {"two_types_for_a_segment"} == set(hub.CHECKS)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 40), (40, 40), (7, 10), (350, 1000)])
def test_wilson_is_that_of_scipy(k, n):
    ours = intervals.share(k, n)
    theirs = binomtest(k, n).proportion_ci(method="wilson")
    assert (ours.lower, ours.upper) == pytest.approx((theirs.low, theirs.high), abs=1e-7)
    assert ours.cases == n


def test_wilson_without_cases_says_nothing_and_refuses_nonsense():
    assert intervals.share(0, 0)[1:] == (0.0, 1.0, 0)
    assert str(intervals.share(0, 0)) == "no cases"
    with pytest.raises(ValueError, match="counts from 0 to n"):
        intervals.share(5, 3)


# --------------------------------------------------------------------------------------------------- against the data


def log(counts, *, segment="cafes", csat=None, resolved=True):
    """A contact log with so many contacts of each handler, each of another customer."""
    handlers = [name for name, number in counts.items() for _ in range(number)]
    n = len(handlers)
    contacts = pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "started_at": pd.Timestamp("2025-06-01"),
            "handled_by": handlers,
            "initiated_by": "customer",
            "issue_id": np.arange(n),
            "resolved": resolved,
            "csat": pd.array([csat] * n, dtype="Int64"),
        }
    )
    return contacts, pd.DataFrame({"customer_id": np.arange(n), "segment": segment})


def checks(record, contacts, members, customers=None):
    return hub.check_data([record], hub.evidence(contacts, members, customers))


BARE = dataclasses.replace(ADVICE, metrics=())


def test_a_record_says_dedicated_and_the_log_says_that_the_bot_answers_70_percent():
    found = checks(BARE, *log({"bot": 140, "human": 60}))
    assert list(found["check"]) == ["not_in_the_log"]
    assert found["says"].item() == (
        "The record says dedicated personal assistance; in the log the bot dealt with 70% (63% to 76%, 200 cases), "
        "and people with 30%."
    )
    for status in ("draft", "planned", "retired"):
        assert checks(dataclasses.replace(BARE, status=status), *log({"bot": 140, "human": 60})).empty


def test_no_finding_where_chance_could_have_made_the_difference():
    assert checks(BARE, *log({"bot": 21, "human": 20})).empty
    assert list(checks(BARE, *log({"bot": 20, "human": 5}))["check"]) == ["few_contacts"]
    assert list(checks(dataclasses.replace(BARE, segments=("bars",)), *log({"human": 50}))["check"]) == [
        "segment_not_in_data"
    ]


@pytest.mark.parametrize("status", hub.STATUSES)
@pytest.mark.parametrize(
    ("name", "asks"),
    [
        ("cafs", "'cafs' (did you mean cafes?)"),
        ("Cafes", "'Cafes' (did you mean cafes?)"),
        ("cafes; homs", "'cafes; homs' (did you mean cafes and homes? Each is an entry of its own)"),
        ("cafes, homes", "'cafes, homes' (did you mean cafes and homes? Each is an entry of its own)"),
        ("planets", "'planets'"),
    ],
)
def test_a_segment_that_the_data_do_not_know_is_said_whatever_the_status(status, name, asks):
    contacts, members = log({"human": 60})
    members.loc[:9, "segment"] = "homes"
    found = checks(dataclasses.replace(BARE, status=status, segments=(name,)), contacts, members)
    assert found[["check", "says"]].to_numpy().tolist() == [
        ["segment_not_in_data", f"The data know no segment {asks}; they know cafes, homes."]
    ]


def test_with_few_cases_there_is_no_verdict():
    metrics = (
        hub.Metric("solved", 0.5, 0.9, measure="resolved_share"),
        hub.Metric("named", 1.0, 0.9, measure="owner_share"),
    )
    record = dataclasses.replace(BARE, metrics=metrics)
    for number, few in ((29, True), (30, False)):
        contacts, members = log({"self": number}, resolved=False)
        owners = pd.DataFrame({"customer_id": members["customer_id"], "account_owner": None})
        found = hub.evidence(contacts, members, owners)
        about_owners = ["no_named_person", "target_missed", "current_is_off"]  # all counted, however few
        about_shares = ["few_contacts"] if few else ["not_in_the_log", "target_missed", "current_is_off"]
        assert sorted(hub.check_data([record], found)["check"]) == sorted(about_owners + about_shares)
        table = hub.targets([record], found)
        assert table[["verdict", "why"]].to_numpy().tolist() == [
            ["cannot tell", "too few cases"] if few else ["missed", ""],
            ["missed", ""],
        ]
    assert hub.verdict(intervals.share(25, 30), 0.9) == "cannot tell"


def test_owners_are_counted_and_not_sampled():
    contacts, members = log({"human": 40})
    owners = pd.DataFrame({"customer_id": members["customer_id"], "account_owner": ["Ada"] * 27 + [None] * 13})
    found = hub.evidence(contacts, members, owners)
    seen = found.get(["cafes"], "owner_share")
    assert seen == (0.675, 0.675, 0.675, 40)
    assert str(seen) == "68% (all 40 counted)"
    for target, told in ((0.67, "met"), (0.68, "missed")):
        record = dataclasses.replace(BARE, metrics=(hub.Metric("named", 0.68, target, measure="owner_share"),))
        assert hub.targets([record], found)["verdict"].item() == told
        assert "current_is_off" not in set(hub.check_data([record], found)["check"])


def test_plans_are_neither_counted_nor_drawn_as_claims():
    found = hub.evidence(*log({"bot": 140, "human": 60}))
    records = [
        dataclasses.replace(ADVICE, id=status, name=status, status=status)
        for status in ("draft", "planned", "active", "paused", "retired")
    ]
    assert hub.plot_evidence(records, found).get_suptitle().startswith("2 of 2 records claim another")
    assert list(hub.targets(records, found)["record"].unique()) == ["active", "paused"]
    with pytest.raises(ValueError, match="active or paused"):
        hub.plot_evidence(records[:2], found)


def test_what_the_company_begins_does_not_count():
    contacts, members = log({"bot": 140, "human": 60})
    more = contacts.assign(handled_by="human", initiated_by="company", issue_id=pd.NA)
    found = checks(BARE, pd.concat([contacts, more, more]), members)
    assert "not_in_the_log" in set(found["check"])


def test_named_person_talks_and_targets():
    contacts, members = log({"human": 100}, csat=5, resolved=[True] * 60 + [False] * 40)
    nobody = pd.DataFrame({"customer_id": members["customer_id"], "account_owner": None})
    assert list(checks(BARE, contacts, members, nobody)["check"]) == ["no_named_person"]
    late = pd.concat([contacts, contacts.tail(1).assign(handled_by="self", started_at=pd.Timestamp("2025-12-01"))])
    assert list(checks(BARE, late, members)["check"]) == ["seldom_spoken_with"]
    assert checks(dataclasses.replace(BARE, frequency="yearly"), late, members).empty
    for target, current, better, expected in (
        (0.9, 0.6, "higher", ["target_missed"]),
        (0.55, 0.6, "higher", []),
        (0.4, 0.6, "higher", []),
        (0.4, 0.6, "lower", ["target_missed"]),
        (0.4, 0.95, "higher", ["current_is_off"]),
    ):
        metric = hub.Metric("m", current, target, "share", better, "resolved_share")
        record = dataclasses.replace(BARE, metrics=(metric,))
        assert list(checks(record, contacts, members)["check"]) == expected
    table = hub.targets([record], hub.evidence(contacts, members))
    assert table["verdict"].to_list() == ["met"]
    assert table["share"].item() == 0.6


def test_a_matter_that_came_back_was_not_resolved_the_first_time():
    contacts, members = log({"bot": 50})
    again = contacts.head(20).assign(started_at=pd.Timestamp("2025-06-03"), resolved=False)
    seen = hub.evidence(pd.concat([contacts, again]), members).get(["cafes"], "resolved_share")
    assert (seen.share, seen.cases) == (0.6, 50)


def test_evidence_refuses_what_it_cannot_use():
    contacts, members = log({"bot": 5})
    with pytest.raises(ValueError, match="lacks the column 'handled_by'"):
        hub.evidence(contacts.drop(columns="handled_by"), members)
    with pytest.raises(ValueError, match="customer 0 is in segments twice"):
        hub.evidence(contacts, pd.concat([members, members.head(1)]))


@pytest.mark.parametrize("scenario", ["healthy", "over_automated", "impersonal"])
def test_shares_are_those_counted_by_hand_and_the_planted_mistakes_show(scenario):
    source = datasets.open_source(scenario=scenario, tables=("contacts", "customers"))
    contacts, customers = source["contacts"], source["customers"]
    members = grouping.visible_segments(customers)
    kept = contacts.copy()
    late = contacts["started_at"].max() - pd.Timedelta(days=240)
    found = hub.evidence(contacts, members, customers, since=late)
    pd.testing.assert_frame_equal(contacts, kept)
    cafes = set(members.loc[members["segment"] == "cafes", "customer_id"])
    rows = [
        handler
        for customer, handler, begun, at in zip(
            contacts["customer_id"],
            contacts["handled_by"],
            contacts["initiated_by"],
            contacts["started_at"],
            strict=True,
        )
        if customer in cafes and begun == "customer" and at >= late
    ]
    seen = found.get(["cafes"], "bot_share")
    assert (seen.share, seen.cases) == (pytest.approx(rows.count("bot") / len(rows)), len(rows))
    shares = found.table.set_index(["measure", "segment"])["share"]
    handlers = ["self_share", "bot_share", "human_share", "community_share"]
    assert shares[handlers].groupby("segment").sum().to_numpy() == pytest.approx(1)
    off = set(hub.check_data([ADVICE], found)["check"])
    assert ("not_in_the_log" in off) == (scenario == "over_automated")
    assert ("no_named_person" in off) == (scenario == "impersonal")
    figure = hub.plot_evidence(hub.draft(TODAY), found)
    assert "R1 says dedicated personal assistance" in figure.alt
