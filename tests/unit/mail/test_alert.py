from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

import pytest

from newsletter.core.address import parse_address
from newsletter.errors import TemplateError
from newsletter.mail.alert import AlertTemplate, MailAnnouncer, template_problems
from newsletter.mail.brand import Brand
from newsletter.mail.lines import is_clean
from newsletter.model import EmailAddress, Notice, Outcome, OutcomeKind
from tests.support.mails import Page

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from newsletter.ports import Begin

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SINCE = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
BRAND = Brand(name="Grüße", sender="digest@news.example", web_url="https://news.example")
OPERATOR = parse_address("operator@example.org")
ARXIV = Notice("source:arxiv", "the source arxiv cannot be read: no answer", SINCE)
QUEUE_OVER = Notice("queue", "mails that are due have been waiting for 2 hours", SINCE, is_over=True)


@dataclass
class Transport:
    """Implements :class:`newsletter.ports.Transport`."""

    outcome: Outcome = field(default_factory=lambda: Outcome(OutcomeKind.ACCEPTED, 250, "Ok"))
    sent: list[tuple[bytes, str, EmailAddress]] = field(default_factory=list)

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        assert not envelope_id
        assert begin is None
        self.sent.append((message, sender, recipient))
        return self.outcome

    async def aclose(self) -> None:
        """Nothing is open."""


def text_of(message: EmailMessage, form: str = "plain") -> str:
    part = message.get_body((form,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def parsed(transport: Transport) -> EmailMessage:
    (sent,) = transport.sent
    assert is_clean(sent[0])
    return message_from_bytes(sent[0], policy=policy.default)


async def test_one_trouble_is_the_subject() -> None:
    transport = Transport()
    assert await MailAnnouncer(transport, BRAND, OPERATOR, AlertTemplate(BRAND)).announce([ARXIV], NOW) is None
    message = parsed(transport)
    assert transport.sent[0][1:] == (BRAND.sender, OPERATOR)
    assert message["Subject"] == "[Grüße] the source arxiv cannot be read: no answer"
    assert message["Auto-Submitted"] == "auto-generated"
    assert (message["To"], message["From"]) == ("operator@example.org", "Grüße <digest@news.example>")
    assert message["Message-ID"].endswith("@news.example>")
    text = text_of(message)
    assert "- the source arxiv cannot be read: no answer\n  since 2026-03-02 03:00 UTC\n" in text
    assert "https://news.example/" in text
    assert "over:" not in text
    assert text.rstrip().endswith("\n-- \nGrüße, 2026-03-02 09:00 UTC")


async def test_several_are_counted_and_listed() -> None:
    transport = Transport()
    await MailAnnouncer(transport, BRAND, OPERATOR, AlertTemplate(BRAND)).announce([ARXIV, ARXIV, QUEUE_OVER], NOW)
    message = parsed(transport)
    assert message["Subject"] == "[Grüße] 2 wrong, 1 over"
    text = text_of(message)
    assert text.index("These are wrong:") < text.index("This is over:") < text.index("- mails that are due")


async def test_one_end_is_the_subject() -> None:
    transport = Transport()
    await MailAnnouncer(transport, BRAND, OPERATOR, AlertTemplate(BRAND)).announce([QUEUE_OVER], NOW)
    assert parsed(transport)["Subject"].startswith("[Grüße] Over: mails that are due")


async def test_hostile_words_stay_words() -> None:
    transport = Transport()
    notice = Notice("relay", "550 no\r\nBcc: all@example.org {{ 7 * 7 }}", SINCE)
    await MailAnnouncer(transport, BRAND, OPERATOR, AlertTemplate(BRAND)).announce([notice], NOW)
    message = parsed(transport)
    assert message["Bcc"] is None
    assert "{{ 7 * 7 }}" in text_of(message)


async def test_the_html_says_the_same_and_obeys_nothing() -> None:
    transport = Transport()
    hostile = Notice("relay", "550 </p><script>alert(1)</script>", SINCE)
    await MailAnnouncer(transport, BRAND, OPERATOR, AlertTemplate(BRAND)).announce([hostile, QUEUE_OVER], NOW)
    page = Page(text_of(parsed(transport), "html"))
    assert page.unbalanced == []
    assert "script" not in {tag for tag, _ in page.tags}
    for words in ("Something is wrong", "550 </p><script>alert(1)</script>", "since 2026-03-02 03:00 UTC", "Over"):
        assert words in page.text
    assert "https://news.example" in [link.get("href") for link in page.attributes("a")]
    assert not any(name.startswith("List-") for name in parsed(transport))


async def test_what_the_relay_says_against_it_comes_back() -> None:
    transport = Transport(Outcome(OutcomeKind.DEFERRED, 451, "4.3.0 later\nplease"))
    assert (
        await MailAnnouncer(transport, BRAND, OPERATOR, AlertTemplate(BRAND)).announce([ARXIV], NOW)
        == "451 4.3.0 later please"
    )


async def test_the_operators_own_template_is_used(tmp_path: Path) -> None:
    (tmp_path / "alert.txt").write_text("{% for alert in wrong %}{{ alert.condition }}!{% endfor %}\n", "utf-8")
    transport = Transport()
    await MailAnnouncer(transport, BRAND, OPERATOR, AlertTemplate(BRAND, [tmp_path])).announce([ARXIV], NOW)
    assert text_of(parsed(transport)).strip() == "source:arxiv!"


@pytest.mark.parametrize("text", ["\n{% for %}", "\n{{ nobody }}", "\n{{ wrong[0].nothing }}", "\n{{ 1 / 0 }}"])
def test_a_template_that_cannot_be_used_is_told_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "alert.txt").write_text(text, "utf-8")
    with pytest.raises(TemplateError) as caught:
        AlertTemplate(BRAND, [tmp_path])
    assert str(caught.value).startswith(f"{tmp_path / 'alert.txt'}:2")
    assert template_problems(BRAND, [tmp_path]) == list(caught.value.problems)


def test_the_shipped_template_is_without_fault() -> None:
    assert template_problems(BRAND, []) == []
