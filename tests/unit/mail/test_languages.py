"""Mails in the reader's language: words, dates, direction, and one compilation for each language."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.mail.sample import sample_digest
from newsletter.model import Frequency, IssueKind, Weekday
from tests.support.mails import make_renderer
from tests.support.samples import make_subscriber

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from newsletter.mail.prepared import PreparedDigest
    from newsletter.mail.render import Renderer

READER = make_subscriber()
GERMAN = "2 Artikel zu contrastive learning und 1 weiterer · 24. Nov."


@cache
def shared() -> Renderer:
    """Return a renderer that keeps what it has compiled."""
    return make_renderer()


def prepared(language: str, kind: IssueKind = IssueKind.DIGEST, renderer: Renderer | None = None) -> PreparedDigest:
    digest, papers = sample_digest(kind)
    return (renderer or shared()).prepare(replace(digest, language=language), papers)


@pytest.mark.parametrize(
    ("language", "subject", "date", "tag"),
    [
        ("en", "2 papers on contrastive learning and 1 more · 24 Nov", "Tuesday 24 November 2026", '"en" dir="ltr"'),
        ("de", GERMAN, "Dienstag, 24. November 2026", '"de" dir="ltr"'),
        ("de-AT", GERMAN, "Dienstag, 24. November 2026", '"de-AT"'),
        ("fr", "2 papers on contrastive learning and 1 more · 24 Nov", "Tuesday 24 November 2026", '"en" dir="ltr"'),
    ],
)  # fmt: skip
def test_a_mail_speaks_its_readers_language(language: str, subject: str, date: str, tag: str) -> None:
    mail = prepared(language)
    assert mail.subject == subject
    assert date in mail.text(READER)
    assert date in mail.html(READER)
    assert f"<html lang={tag}" in mail.html(READER)


def test_an_arabic_mail_is_mirrored_and_keeps_titles_as_they_are(now: datetime) -> None:
    mail = prepared("ar")
    html, text = mail.html(READER), mail.text(READER)
    assert '<html lang="ar" dir="rtl"' in html
    assert "direction:rtl" in html
    assert "direction:ltr" not in html
    assert "text-align:right" in html
    assert "\u2068contrastive learning\u2069" in text
    assert "في \u2068العنوان والملخّص\u2069" in text
    message = email.message_from_bytes(mail.compose(READER, "<1@example.org>", now), policy=email.policy.default)
    assert message["subject"] == "ورقتان عن contrastive learning وواحدة أخرى · 24 نوفمبر"
    assert message["list-unsubscribe"].startswith("<https://")


@pytest.fixture
def now() -> datetime:
    return sample_digest(IssueKind.DIGEST)[1][1].first_seen_at


@pytest.mark.parametrize("kind", IssueKind)
@pytest.mark.parametrize("language", ["de", "ar"])
def test_every_kind_of_mail_can_be_filled(language: str, kind: IssueKind) -> None:
    mail = prepared(language, kind)
    assert f'lang="{language}"' in mail.html(READER)
    assert mail.text(READER).strip()


def test_when_mail_comes_is_said_in_the_mails_language() -> None:
    weekly = replace(READER, frequency=Frequency.WEEKLY, weekday=Weekday.FRIDAY, zone="Europe/Berlin")
    assert "Sie bekommen dies freitags um 07:00 (Europe/Berlin)" in prepared("de").text(weekly)
    assert "at 07:00 Europe/Berlin, on Fridays" in prepared("en").text(weekly)


def test_templates_are_compiled_once_for_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = make_renderer()
    real, compiled = renderer._compiler.compile, []

    def count(name: str, language: Any) -> Any:
        compiled.append((name, language.code))
        return real(name, language)

    monkeypatch.setattr(renderer._compiler, "compile", count)
    for language in ("de", "en", "ar", "de", "fr", "ar"):
        prepared(language, renderer=renderer)
    assert compiled == [("digest", "de"), ("digest", "en"), ("digest", "ar")]


def test_a_template_for_one_language_has_that_languages_words_around_it(tmp_path: Path) -> None:
    body = "<mj-text>{{ headline }} {{ date }} {{ unsubscribe_url }}</mj-text>"
    mjml = f"<mjml><mj-body><mj-section><mj-column>{body}</mj-column></mj-section></mj-body></mjml>"
    (tmp_path / "digest.de.mjml").write_text(mjml)
    (tmp_path / "digest.de.txt").write_text("Eigene Vorlage: {{ headline }}, {{ unsubscribe_url }}")
    renderer = make_renderer(tmp_path)
    assert prepared("de", renderer=renderer).text(READER).startswith("Eigene Vorlage: 2 Artikel zu")
    assert prepared("en", renderer=renderer).text(READER).startswith("The Morning Preprint")
