"""A digest rendered, to be composed for any number of recipients."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from functools import cached_property
from typing import TYPE_CHECKING, Final

from newsletter.mail.message import Envelope, Part, Recipient
from newsletter.model import IssueKind

if TYPE_CHECKING:
    from newsletter.languages import Language
    from newsletter.mail.render import Renderer
    from newsletter.model import Digest, Subscriber

CONFIRMING: Final = (IssueKind.CONFIRMATION, IssueKind.ADDRESS_CHANGE)
"""The kinds of mail that are sent for a link in them that confirms something."""
_SAMPLE_REFERENCE = 0  # that nothing has: the links of a preview open nothing


class PreparedDigest:
    """A digest rendered once: implements :class:`newsletter.ports.Prepared`."""

    def __init__(
        self, digest: Digest, subject_text: str, text: Part, html: Part, renderer: Renderer, language: Language
    ) -> None:
        self._campaign = (digest.issue_date.isoformat(), digest.kind.value)
        self._kind = digest.kind
        self._day = datetime.combine(digest.issue_date, time(), UTC)
        self._subject = subject_text
        self._text, self._html = text, html
        self._renderer = renderer
        self._language = language

    @property
    def subject(self) -> str:
        """The subject, as people read it."""
        return self._subject

    @cached_property
    def _envelope(self) -> Envelope:
        """The message but for its recipient; encoding waits until somebody is sent it."""
        is_list = not self._kind.is_transactional
        return Envelope(self._renderer.brand, self._subject, self._text, self._html, *self._campaign, is_list=is_list)

    @property
    def shows_unsubscribe(self) -> bool:
        """Whether both parts hold the unsubscribe link."""
        return self.shows("unsubscribe_url")

    def shows(self, name: str) -> bool:
        """Whether both parts hold this value of the recipient's."""
        return name in self._html.names & self._text.names

    def html(self, subscriber: Subscriber) -> str:
        """Return the HTML part as this recipient sees it."""
        return self._html.text(self._recipient(subscriber, self._day, _SAMPLE_REFERENCE).values)

    def text(self, subscriber: Subscriber) -> str:
        """Return the plain-text part as this recipient sees it."""
        return self._text.text(self._recipient(subscriber, self._day, _SAMPLE_REFERENCE).values)

    def compose(self, subscriber: Subscriber, message_id: str, now: datetime, reference: int | None = None) -> bytes:
        """Return the finished message for one recipient; see :class:`newsletter.ports.Prepared`."""
        recipient = self._recipient(subscriber, now, _SAMPLE_REFERENCE if reference is None else reference)
        return self._envelope.compose(recipient, message_id, now)

    def _recipient(self, subscriber: Subscriber, now: datetime, reference: int) -> Recipient:
        recipient = self._renderer.recipient(subscriber, self._language)
        if self._kind in CONFIRMING:
            url = self._renderer.confirm_url(self._kind, reference, now)
            return replace(recipient, values={**recipient.values, "confirm_url": url})
        return recipient
