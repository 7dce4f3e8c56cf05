"""The reader's own Customer Relationship Hub: one YAML file that grows from notebook to notebook.

The file is a mapping of sections, one or more per lesson. It is written for people: it can be read, printed and
edited by hand, and what a notebook does not know it leaves as it is. The section ``register`` holds the relationships
themselves, one record each.

This module is the door; what is behind it is in rooms of its own: `crkit.hub_file` (the file, its history, undo) and
`crkit.hub_register` (records and their links).
"""

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

__all__ = [
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
    "HubBusyError",
    "Metric",
    "Record",
    "Register",
    "as_mapping",
    "from_mapping",
    "history",
    "linked",
    "links",
    "load_records",
    "plot_links",
    "plot_record",
    "read",
    "redo",
    "replace",
    "save_records",
    "undo",
    "update",
]
