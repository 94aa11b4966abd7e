"""A mailbox in which a mail of ours should arrive: a Maildir, with its folders."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import TYPE_CHECKING, Final

from newsletter.errors import ConfigurationError, ReadingError
from newsletter.model import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOST: Final = 256 * 1024  # of a mail that is read: its headers, and more


class MaildirInbox:
    """Implements :class:`newsletter.service.round_trip.Inbox` over a Maildir (https://cr.yp.to/proto/maildir.html).

    It is never changed, but for what ``put_away`` does with a mail that was found in ``new``. ConfigurationError, about
    the option or setting ``said_by``, when ``path`` is none, or may not be read.
    """

    look_every_s = 0.25
    late_advice = ""

    def __init__(
        self,
        path: Path,
        said_by: str = "--maildir",
        put_away: Callable[[Path, str], None] = lambda _path, _name: None,
    ) -> None:
        self.place = str(path)
        self._put_away = put_away
        self._path = path
        self._known: set[str] = set()
        try:
            self._known = {name_of(each) for _, each in self._mails()}
        except OSError as error:
            advice = "name a folder that holds `new` and `cur`, and that this user may read"
            message = f"{error.filename or path}: {error.strerror or error}"
            raise ConfigurationError([Problem(said_by, 0, 0, message, advice)]) from error

    async def find(self, message_id: str) -> tuple[str, bytes] | None:
        """Return the folder (empty: the inbox itself) and the beginning of a mail that came since, or None;
        ReadingError, in one line, when that cannot be told.
        """
        try:
            return await asyncio.to_thread(self._find, message_id)
        except OSError as error:
            reason = f"{error.filename or self._path}: {error.strerror or error}"
            raise ReadingError(f"the Maildir cannot be read: {reason} — let this user read and write there") from error

    async def aclose(self) -> None:
        """Nothing is held between two looks."""

    def _find(self, message_id: str) -> tuple[str, bytes] | None:
        for folder, path in list(self._mails()):
            if name_of(path) in self._known:
                continue
            with suppress(FileNotFoundError):  # a mail program has moved it: it is found at its new place
                with path.open("rb") as stream:
                    content = stream.read(MOST)
                headers = BytesHeaderParser(policy=compat32).parsebytes(content)
                if str(headers.get("Message-ID", "")).strip() == message_id:
                    if path.parent == self._path / "new":
                        self._put_away(self._path, path.name)
                    return folder, content
                self._known.add(name_of(path))
        return None

    def _mails(self) -> Iterator[tuple[str, Path]]:
        yield from (("", path) for part in ("new", "cur") for path in (self._path / part).iterdir())
        for folder in self._path.glob(".?*"):
            for part in ("new", "cur"):
                if (folder / part).is_dir():
                    yield from ((folder.name.lstrip("."), path) for path in (folder / part).iterdir())


def name_of(path: Path) -> str:
    """Return a mail's name without its flags, which change when it is read."""
    return path.name.partition(":")[0]
