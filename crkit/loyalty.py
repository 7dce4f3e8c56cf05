"""Loyalty programmes: what customers hold, what the company owes, whether it pays, and how to design one.

This is the door; the rooms behind it are `crkit.loyalty_ledger` (every point from entry to expiry).
"""

from __future__ import annotations

from crkit.loyalty_ledger import Books, balances, keep_books, points_over_time, reconcile

__all__ = ["Books", "balances", "keep_books", "points_over_time", "reconcile"]
