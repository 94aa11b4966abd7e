"""What all readers of returned mail share: what they hand it to, and how they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Take(Protocol):
    """What a reader hands a mail to."""

    async def __call__(self, data: bytes, envelope_recipients: Sequence[str], source: str) -> None:
        """Return once what the mail says is committed; StoreError when it could not be, and the mail must be kept."""


class Reader(Protocol):
    """Somewhere that returned mail comes in."""

    @property
    def name(self) -> str:
        """Its kind, under which its bounces are counted: ``maildir``, ``imap``, ``lmtp``."""

    @property
    def interval_s(self) -> float:
        """How long to wait between two looks."""

    @property
    def is_shared(self) -> bool:
        """Whether every process sees the same mails there, so that one at a time should read."""

    async def read(self, take: Take, *, keeps: bool = False) -> int:
        """Hand over what is there and return how many mails that was; a mail is kept until it has been taken, and
        after that too where the caller ``keeps`` it.

        ReadingError, in one line, when that is not possible; the next look may succeed.
        """

    async def aclose(self) -> None:
        """Let go of everything."""
