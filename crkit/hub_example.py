"""The register that Kittiwake Coffee might have drafted at a desk, before anybody looked at the contact log."""

from __future__ import annotations

import datetime

from crkit.hub_register import Metric, Record


def draft(today: datetime.date) -> tuple[Record, ...]:
    """Three records as a marketing department would write them: well filled, and not all of it true.

    Args:
        today: the day on which the draft is looked at; reviews are fixed relative to it.

    Returns:
        One record each for the cafes, the offices and the homes of `crkit.grouping.visible_segments`.

    Example:
        >>> [record.segments for record in draft(datetime.date(2026, 1, 1))]
        [('cafes',), ('offices',), ('homes',)]
    """
    return (
        Record(
            "R1",
            "Your own account manager",
            interaction_type="dedicated_personal_assistance",
            segments=("cafes",),
            value_proposition="Fresh coffee that is never out, and somebody who knows the machine.",
            channels=("account manager", "phone"),
            purpose="retain",
            stage="retention",
            objectives=("keep the cafes",),
            expected_type="dedicated_personal_assistance",
            established_type="dedicated_personal_assistance",
            owner="Ada Byrne",
            resources=("account managers",),
            activities=("visits", "machine checks"),
            partners=("machine service",),
            revenue_streams=("coffee for cafes",),
            costs=("wages of account managers",),
            cost_per_year=60_000,
            frequency="every two months",
            integration="What the managers hear goes into next month's roasting plan.",
            metrics=(
                Metric("contacts that a person deals with", 0.95, 0.9, "share", measure="human_share"),
                Metric("cafes with a named person", 1.0, 0.95, "share", measure="owner_share"),
            ),
            feedback_loop="One question after each visit; the manager answers within two days.",
            status="active",
            assumptions=("owners want to be called",),
            review_on=today + datetime.timedelta(days=60),
        ),
        Record(
            "R2",
            "Help for offices",
            interaction_type="automated_services",
            segments=("offices",),
            value_proposition="Deliveries that nobody has to think of.",
            channels=("web", "phone"),
            purpose="retain",
            stage="retention",
            objectives=("keep the contracts",),
            expected_type="personal_assistance",
            established_type="automated_services",
            owner="the service team",
            resources=("chatbot", "help desk"),
            activities=("answering", "training the bot"),
            revenue_streams=("contracts of offices",),
            costs=("wages of the help desk",),
            cost_per_year=35_000,
            frequency="quarterly",
            metrics=(Metric("matters recorded as resolved", None, 0.8, "share", measure="resolved_share"),),
            status="active",
            review_on=today - datetime.timedelta(days=40),
        ),
        Record(
            "R3",
            "The shop helps itself",
            interaction_type="self_service",
            segments=("homes",),
            value_proposition="An answer at any hour.",
            channels=("web",),
            purpose="acquire",
            stage="retention",
            expected_type="self_service",
            established_type="self_service",
            owner="Leo Marsh",
            resources=("help pages",),
            activities=("writing help pages",),
            revenue_streams=("coffee for homes",),
            costs=("web store",),
            frequency="on demand",
            metrics=(Metric("matters recorded as resolved", 0.9, 0.75, "share", measure="resolved_share"),),
            status="active",
        ),
    )
