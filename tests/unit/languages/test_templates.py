"""Templates that speak a language: messages, plurals, values, in HTML and in plain text."""

from __future__ import annotations

import pytest
from jinja2 import Environment

from newsletter.languages import ENGLISH, Language, language_of
from newsletter.languages.templates import speak


def filled(source: str, language: Language = ENGLISH, *, autoescape: bool = True, **values: object) -> str:
    environment = Environment(autoescape=autoescape)  # noqa: S701 (as the mails' plain text is)
    speak(environment, language)
    return environment.from_string(source).render(values)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ _('Hello') }}", "Hello"),
        ("{{ _('Hello %(name)s', name=name) }}", "Hello &lt;Ada&gt;"),
        ("{% trans name %}<b>Hello</b> {{ name }}{% endtrans %}", "<b>Hello</b> &lt;Ada&gt;"),
        ("{% trans count=1 %}{{ count }} paper{% pluralize %}{{ count }} papers{% endtrans %}", "1 paper"),
        ("{% trans count=1204 %}{{ count }} paper{% pluralize %}{{ count }} papers{% endtrans %}", "1,204 papers"),
        ("{% trans num=2 %}{{ num }} paper{% pluralize %}{{ num }} papers{% endtrans %}", "2 papers"),
        ("{% trans %}\n  over\n  two lines, 100%\n{% endtrans %}", "over two lines, 100%"),
        ("{{ pgettext('verb', 'Search') }}", "Search"),
        ("{% set link %}<i>{{ _('here') }}</i>{% endset %}{{ _('Look %(link)s', link=link) }}", "Look <i>here</i>"),
        ("{{ 1204 | thousands }} {{ language.code }}", "1,204 en"),
    ],
)
def test_messages_and_values(source: str, expected: str) -> None:
    assert filled(source, name="<Ada>") == expected


def test_plain_text_is_not_escaped() -> None:
    assert filled("{{ _('Hello %(name)s', name=name) }}", autoescape=False, name="<Ada>") == "Hello <Ada>"


def test_numbers_and_names_in_german_and_arabic() -> None:
    source = (
        "{% trans count=1204, name %}{{ count }} of {{ name }}{% pluralize %}{{ count }} of {{ name }}{% endtrans %}"
    )
    assert filled(source, language_of("de"), name="RAG") == "1.204 of RAG"
    assert filled(source, language_of("ar"), name="<RAG>") == "1,204 of \u2068&lt;RAG&gt;\u2069"
