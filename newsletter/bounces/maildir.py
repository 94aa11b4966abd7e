"""Returned mail from a Maildir, into which the mail server on this machine delivers it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from newsletter.bounces.limits import SIZE_LIMIT
from newsletter.errors import ReadingError

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.bounces.reader import Take

SEEN: Final = ":2,S"  # https://cr.yp.to/proto/maildir.html


class MaildirReader:
    """Implements :class:`newsletter.bounces.reader.Reader` over a Maildir.

    A mail moves from ``new`` to ``cur`` only when it has been taken. A process that is killed in between finds it
    again, and taking it again changes nothing.
    """

    name = "maildir"
    is_shared = True

    def __init__(self, folder: Path, interval_s: float) -> None:
        self._folder = folder
        self.interval_s = interval_s

    async def read(self, take: Take, *, keeps: bool = False) -> int:
        """Hand over what is in ``new``, oldest first, and return how many mails that was."""
        try:
            names = await asyncio.to_thread(self._waiting)
            for name in names:
                data = await asyncio.to_thread(self._content, name)
                if data is not None:
                    await take(data, (), self.name)
                    if not keeps:
                        await asyncio.to_thread(put_away, self._folder, name)
        except OSError as error:
            reason = f"{error.filename or self._folder}: {error.strerror or error}"
            raise ReadingError(
                f"the Maildir cannot be read: {reason} — let this user read and write there, or name another as "
                "bounces.maildir.path"
            ) from error
        return len(names)

    async def aclose(self) -> None:
        """Nothing is held between two looks."""

    def _waiting(self) -> list[str]:
        # Names begin with the time of delivery.
        return sorted(path.name for path in (self._folder / "new").iterdir() if not path.name.startswith("."))

    def _content(self, name: str) -> bytes | None:
        """Return the beginning of a mail, as much as is ever looked at; None when somebody has taken it away."""
        try:
            with (self._folder / "new" / name).open("rb") as stream:
                return stream.read(SIZE_LIMIT)
        except FileNotFoundError:
            return None


def put_away(folder: Path, name: str) -> None:
    """Move a mail from ``new`` to ``cur`` and mark it as seen; it may be there already. OSError when that fails."""
    plain = name.partition(":")[0]
    try:
        (folder / "new" / name).rename(folder / "cur" / f"{plain}{SEEN}")
    except FileNotFoundError:
        # Somebody else has put it away; else it is the folder that is missing, and the mail would come for ever.
        if not (folder / "cur").is_dir():
            raise
