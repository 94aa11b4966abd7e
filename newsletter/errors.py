"""The whole exception tree; each error says what happened, where, and what to do next.

::

    NewsletterError            anything a person should read as one clear line; never a traceback
    ├── ConfigurationError     what an admin wrote is wrong; carries every problem found, not the first
    ├── QueryError             a boolean query is malformed; points at the column
    ├── AddressError           a mail address is not one
    ├── TemplateError          a template cannot be compiled or filled; names file and line
    ├── ReadingError           a mailbox, Maildir or listener for returned mail cannot be read
    ├── StoreError             the database cannot do what was asked
    │   ├── StoreBusyError     it is locked by somebody else for longer than we wait
    │   ├── StoreFullError     the disk is full or read-only
    │   ├── StoreVersionError  its schema is older or newer than this program; run ``newsletter migrate``
    │   └── StoreLockedError   another instance runs on it
    ├── NotFoundError          a subscriber, profile, source, paper or delivery that is not there
    └── ConflictError          it is there already, or the move is not allowed from its present state
        └── PreconditionError  it is no longer as whoever wants to change it has seen it

Remote faults (a feed that cannot be fetched, a mail server that refuses) are not exceptions: they are values,
:class:`newsletter.model.Fault` and :class:`newsletter.model.Outcome`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.model import Problem


class NewsletterError(Exception):
    """What happened, in one line for a person; ``exit_code`` is what the command line ends with."""

    exit_code = 1


class ConfigurationError(NewsletterError):
    """What an admin wrote is wrong: ``problems`` holds all of it, in the order of the files."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class QueryError(NewsletterError):
    """A boolean query is malformed at ``column`` (counted from 1 within the query's text)."""

    exit_code = 2

    def __init__(self, message: str, column: int, advice: str = "") -> None:
        self.message = message
        self.column = column
        self.advice = advice
        super().__init__(f"column {column}: {message}" + (f" ({advice})" if advice else ""))


class AddressError(NewsletterError):
    """A mail address is not one that can be written to."""

    exit_code = 2


class TemplateError(NewsletterError):
    """A template cannot be compiled or filled: ``problems`` name file and line of all that is wrong with it."""

    exit_code = 2

    def __init__(self, message: str = "", problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message or "\n".join(str(problem) for problem in self.problems))


class ReadingError(NewsletterError):
    """A mailbox, Maildir or listener for returned mail cannot be read, for now."""


class StoreError(NewsletterError):
    """The database cannot do what was asked."""

    exit_code = 3


class StoreBusyError(StoreError):
    """The database stayed locked by somebody else for longer than we wait."""


class StoreFullError(StoreError):
    """The disk is full, or the database cannot be written to."""


class StoreVersionError(StoreError):
    """The schema is older or newer than this program."""


class StoreLockedError(StoreError):
    """Another instance runs on this store."""


class NotFoundError(NewsletterError):
    """What was named is not there; the message suggests the nearest name."""

    exit_code = 4


class ConflictError(NewsletterError):
    """It is there already, or its present state does not allow the move."""

    exit_code = 5


class PreconditionError(ConflictError):
    """Somebody else has changed it since it was read."""
