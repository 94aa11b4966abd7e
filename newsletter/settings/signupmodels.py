"""The settings of how readers subscribe on the pages, and of what keeps machines from doing it for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from newsletter.settings.values import Section, complaint


class SignupSettings(Section):
    """How readers subscribe on the pages. Limits hold in any hour or day, whenever it begins; those by network and in
    all are counted by each process that serves pages, that by address in the database.
    """

    enabled: bool | None = Field(
        default=None, description="Whether readers may subscribe. Default: yes where the pages are shown."
    )
    confirm_days: int = Field(default=3, ge=1, le=30, description="How many days the link in the confirmation works.")
    forget_days: int = Field(
        default=7, ge=1, le=365, description="After how many days whoever has not confirmed is forgotten."
    )
    per_address_day: int = Field(default=3, ge=1, le=100, description="Most confirmations to one address in 24 hours.")
    per_network_hour: int = Field(
        default=20,
        ge=1,
        le=100_000,
        description="Most sign-ups from one network (IPv4: the first 24 bits, IPv6: 56) in an hour; a quarter of it, "
        "and at least one, for browsers without scripts.",
    )
    per_hour: int = Field(
        default=300,
        ge=1,
        le=1_000_000,
        description="Most sign-ups in an hour in all; half of it, and at least one, for browsers without scripts.",
    )
    work_bits: int = Field(
        default=16,
        ge=0,
        le=24,
        description="How much a browser must compute before it signs somebody up: about 2 to this power hashes; 16 "
        "takes a fraction of a second.",
    )

    @model_validator(mode="after")
    def check_days(self) -> Self:
        """Refuse to forget people whose link still works."""
        if self.forget_days < self.confirm_days:
            raise complaint(
                "forget_days is less than confirm_days, so that links would lead to nobody",
                "make forget_days at least as long",
            )
        return self

    @property
    def confirm_within(self) -> timedelta:
        """How long the link in the confirmation works."""
        return timedelta(days=self.confirm_days)
