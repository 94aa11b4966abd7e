"""Subscribers named in profile files: one draft for each address, however many files name it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from newsletter.model import Problem, SubscriberDraft
from newsletter.settings.explain import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.settings.profilemodels import SubscriberEntry
    from newsletter.settings.profiles import LoadedProfile

FIELDS = {
    "zone": "zone",
    "send_at": "send_at_local",
    "frequency": "frequency",
    "weekday": "weekday",
    "language": "language",
    "template": "template",
}
"""What a file may say of a subscriber, by its key, and the draft's word for it."""


class Union:
    """Drafts by address, growing file by file, and what the files disagree on."""

    def __init__(self) -> None:
        self.drafts: dict[str, SubscriberDraft] = {}
        self.problems: list[Problem] = []
        self.places: dict[tuple[str, str], str] = {}

    def add(self, loaded: LoadedProfile, index: int, entry: SubscriberEntry) -> None:
        """Take what one entry says."""
        key, name = entry.address.key, loaded.profile.name
        draft = self.drafts.get(key) or SubscriberDraft(entry.address, profiles=())
        profiles = draft.profiles or ()
        if name in profiles:
            message = f"{entry.address} is there twice"
            self.problems.append(loaded.problem(("subscribers", index), message, "remove one", "warning"))
        changes: dict[str, Any] = {"profiles": tuple(dict.fromkeys((*profiles, name)))}
        for said, field in FIELDS.items():
            value, location = getattr(entry, said), ("subscribers", index, said)
            if value is None:
                continue
            present = getattr(draft, field)
            if present is None:
                changes[field] = value
                line = loaded.document.place(location).line
                self.places[key, field] = f"{loaded.document.file}:{line}"
            elif present != value:
                message = f"{dotted(location)} differs from {self.places[key, field]}, which says “{_shown(present)}”"
                self.problems.append(loaded.problem(location, message, "say the same in both, or say it once"))
        self.drafts[key] = replace(draft, **changes)


def unite_subscribers(loaded: Sequence[LoadedProfile]) -> tuple[list[SubscriberDraft], list[Problem]]:
    """Return one draft for each address with all profiles whose files name it, and where these files disagree."""
    union = Union()
    for profile in loaded:
        for index, entry in enumerate(profile.subscribers):
            union.add(profile, index, entry)
    return list(union.drafts.values()), union.problems


def _shown(value: object) -> str:
    return str(value)[:5] if hasattr(value, "hour") else str(value)
