"""The names that templates may use: docs/templates.md says what each holds."""

from __future__ import annotations

from typing import Final

PER_RECIPIENT: Final = (
    "unsubscribe_url",
    "vote_url",
    "schedule",
    "address",
    "subscription",
    "manage_url",
    "confirm_url",
)
"""The variables that differ between the recipients of one digest."""

VARIABLES: Final = frozenset(
    (
        *(
            "kind",
            "name",
            "brand",
            "theme",
            "light",
            "dark",
            "lang",
            "direction",
            "start",
            "end",
            "date",
            "issue_date",
            "headline",
            "subject",
            "preheader",
        ),
        *("chosen", "considered", "trending", "sections", "omitted", "is_brief", "counts", "notes", "confirm_days"),
        *PER_RECIPIENT,
    )
)
"""Every variable that a template is given."""
