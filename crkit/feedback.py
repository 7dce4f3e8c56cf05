"""What customers tell us, how sure we are, and whether we act: the door to the rooms behind it."""

from __future__ import annotations

from crkit.feedback_scores import (
    KINDS,
    LEAST,
    Score,
    Scores,
    answers_needed,
    bootstrap,
    ces,
    changes,
    compare,
    csat,
    nps,
    plot_changes,
    plot_scores,
    scores,
)

__all__ = [
    "KINDS",
    "LEAST",
    "Score",
    "Scores",
    "answers_needed",
    "bootstrap",
    "ces",
    "changes",
    "compare",
    "csat",
    "nps",
    "plot_changes",
    "plot_scores",
    "scores",
]
