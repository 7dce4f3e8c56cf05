"""What each exercise asks, and how an answer is judged: one module a topic, each with its ``QUESTIONS``."""

from crkit.questions.core import (
    Checker,
    Misconception,
    Note,
    Outcome,
    Question,
    checker,
    judge,
    topics,
)

__all__ = ["Checker", "Misconception", "Note", "Outcome", "Question", "checker", "judge", "topics"]
