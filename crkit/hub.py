"""The reader's own Customer Relationship Hub: one YAML file that grows from notebook to notebook.

The file is a mapping of sections, one or more per lesson. It is written for people: it can be read, printed and
edited by hand, and what a notebook does not know it leaves as it is. The section ``register`` holds the relationships
themselves, one record each.

This module is the door; what is behind it is in rooms of its own: `crkit.hub_file` (the file, its history, undo),
`crkit.hub_register` (records and their links), `crkit.hub_checks` (checks, also against the contact log),
`crkit.hub_exchange` (other formats), `crkit.hub_editor` (the form), `crkit.hub_report` and `crkit.hub_example`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crkit.hub_checks import (
    CHECKS,
    Evidence,
    check_data,
    check_register,
    coverage,
    evidence,
    health,
    plot_evidence,
    targets,
    verdict,
)
from crkit.hub_example import draft
from crkit.hub_exchange import read as import_records
from crkit.hub_exchange import write as export_records
from crkit.hub_file import HEADING, HubBusyError, history, read, redo, undo, update
from crkit.hub_register import (
    COMPONENTS,
    FREQUENCIES,
    MEASURES,
    PURPOSES,
    STAGES,
    STATUSES,
    TYPES,
    ConflictError,
    Difference,
    Metric,
    Record,
    Register,
    as_mapping,
    from_mapping,
    linked,
    links,
    load_records,
    plot_links,
    plot_record,
    replace,
    save_records,
)

if TYPE_CHECKING:
    from crkit.hub_editor import Editor

__all__ = [
    "CHECKS",
    "COMPONENTS",
    "FREQUENCIES",
    "HEADING",
    "MEASURES",
    "PURPOSES",
    "STAGES",
    "STATUSES",
    "TYPES",
    "ConflictError",
    "Difference",
    "Evidence",
    "HubBusyError",
    "Metric",
    "Record",
    "Register",
    "as_mapping",
    "check_data",
    "check_register",
    "coverage",
    "draft",
    "edit",
    "evidence",
    "export_records",
    "from_mapping",
    "health",
    "history",
    "import_records",
    "linked",
    "links",
    "load_records",
    "plot_evidence",
    "plot_links",
    "plot_record",
    "read",
    "redo",
    "replace",
    "save_records",
    "targets",
    "undo",
    "update",
    "verdict",
]


def edit(path: Any, **options: Any) -> Editor:
    """Show a form for the register of a Hub file, see `crkit.hub_editor.edit`."""
    from crkit.hub_editor import edit as show

    return show(path, **options)
