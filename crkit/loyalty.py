"""Loyalty programmes: what customers hold, what the company owes, whether it pays, and how to design one.

This is the door; the rooms behind it are `crkit.loyalty_ledger` (every point from entry to expiry),
`crkit.loyalty_liability` (what the programme owes), `crkit.loyalty_effect` (whether it pays) and
`crkit.loyalty_design` (what another one would do); `crkit.loyalty_figures` draws.
"""

from __future__ import annotations

from crkit.loyalty_design import (
    ASSUMPTIONS,
    Assumptions,
    Comparison,
    Design,
    People,
    Tier,
    compare_designs,
    people,
)
from crkit.loyalty_effect import (
    Contrast,
    Discontinuity,
    Planted,
    Pressure,
    ProgrammeEffect,
    break_even_lift,
    campaign_contrast,
    discontinuity,
    planted_effect,
    points_pressure,
    programme_effect,
    programme_table,
    tier_table,
)
from crkit.loyalty_figures import (
    plot_contrast,
    plot_designs,
    plot_discontinuity,
    plot_effect,
    plot_owed,
    plot_points,
    plot_pressure,
    plot_recognition,
    plot_triangle,
)
from crkit.loyalty_ledger import Books, balances, keep_books, points_over_time, reconcile
from crkit.loyalty_liability import (
    Allocation,
    ChainLadder,
    Owed,
    Triangle,
    allocate,
    chain_ladder,
    owed,
    recognise,
    redemption_triangle,
)

__all__ = [
    "ASSUMPTIONS",
    "Allocation",
    "Assumptions",
    "Books",
    "ChainLadder",
    "Comparison",
    "Contrast",
    "Design",
    "Discontinuity",
    "Owed",
    "People",
    "Planted",
    "Pressure",
    "ProgrammeEffect",
    "Tier",
    "Triangle",
    "allocate",
    "balances",
    "break_even_lift",
    "campaign_contrast",
    "chain_ladder",
    "compare_designs",
    "discontinuity",
    "keep_books",
    "owed",
    "people",
    "planted_effect",
    "plot_contrast",
    "plot_designs",
    "plot_discontinuity",
    "plot_effect",
    "plot_owed",
    "plot_points",
    "plot_pressure",
    "plot_recognition",
    "plot_triangle",
    "points_over_time",
    "points_pressure",
    "programme_effect",
    "programme_table",
    "recognise",
    "reconcile",
    "redemption_triangle",
    "tier_table",
]
