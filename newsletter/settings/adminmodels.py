"""Who may see the admin's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from newsletter.core.passwords import read_hash
from newsletter.model import Problem
from newsletter.settings.values import FilePath, Name, Section

if TYPE_CHECKING:
    from newsletter.settings.explain import Locate

ADVICE = "make it with `newsletter admin hash-password`"


class AdminUserSettings(Section):
    """One admin."""

    password_hash: SecretStr | None = Field(
        default=None, description="What `newsletter admin hash-password` prints for the password."
    )
    password_hash_file: FilePath | None = Field(
        default=None, description="A file that holds the hash, instead of `password_hash`."
    )


class AdminSettings(Section):
    """The admin's pages under `/admin`. They are there once somebody may see them."""

    users: dict[Name, AdminUserSettings] = Field(default_factory=dict, description="Who may, by name.")
    idle_minutes: float = Field(
        default=60, gt=0, le=1440, allow_inf_nan=False, description="How long a login lasts without a page seen."
    )
    session_hours: float = Field(
        default=12, gt=0, le=168, allow_inf_nan=False, description="How long a login lasts at most."
    )

    @property
    def hashes(self) -> dict[str, str]:
        """The hash of each admin's password, by name."""
        return {name: user.password_hash.get_secret_value() for name, user in self.users.items() if user.password_hash}


def check_admins(settings: AdminSettings, locate: Locate) -> list[Problem]:
    """Return what is wrong with the hashes, once those in files have been read; none of them is repeated."""
    problems = []
    for name, user in settings.users.items():
        path = ("admin", "users", name)
        if user.password_hash is None:
            problems.append(Problem(*locate(path), f"“{name}” has no password_hash", ADVICE))
            continue
        try:
            read_hash(user.password_hash.get_secret_value())
        except ValueError as error:
            key = "password_hash_file" if user.password_hash_file else "password_hash"
            problems.append(Problem(*locate((*path, key)), f"the hash of “{name}” cannot be used: {error}", ADVICE))
    return problems
