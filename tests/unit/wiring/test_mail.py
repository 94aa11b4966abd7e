"""What the mails are told of the configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.mail.themes import THEMES
from newsletter.settings.brandmodels import THEMES as NAMED_THEMES
from newsletter.settings.load import Configuration
from newsletter.settings.models import Settings
from newsletter.wiring.mail import archive_url, brand_of, topic_urls
from tests.support.samples import make_profile

MAIL = {"sender": "a@example.org"}
PUBLIC = {"host": "0.0.0.0", "public_url": "https://news.example.org"}  # noqa: S104 (nothing listens)


@pytest.mark.parametrize(
    ("web", "mail", "expected"),
    [
        ({}, {}, "http://127.0.0.1:8080/archive"),
        ({"pages": False}, {}, ""),
        (PUBLIC, {}, ""),
        ({**PUBLIC, "pages": True}, {}, "https://news.example.org/archive"),
        ({**PUBLIC, "pages": True}, {"archive_url": "https://example.org/past"}, "https://example.org/past"),
        (PUBLIC, {"archive_url": "https://example.org/past"}, "https://example.org/past"),
    ],
)
def test_the_archive_is_the_pages_own_where_these_are_served(
    web: dict[str, object], mail: dict[str, str], expected: str
) -> None:
    settings = Settings.model_validate({"mail": {**MAIL, **mail}, "web": web})
    assert archive_url(settings) == expected


def configured(brand: dict[str, object], web: dict[str, object]) -> Configuration:
    """Return a configuration of two profiles, one of them on no page."""
    settings = Settings.model_validate({"mail": MAIL, "brand": brand, "web": web})
    return Configuration(Path(), settings, (make_profile("open"), make_profile("closed", public=False)), (), (), "")


def test_a_theme_is_chosen_and_colours_and_words_are_the_operators() -> None:
    wanted: dict[str, object] = {
        "theme": "journal",
        "dark": {"accent": "#ABCDEF"},
        "wording": {"footer": "Made by us."},
    }
    brand = brand_of(configured(wanted, {}))
    assert brand.theme is THEMES["journal"]
    assert brand.light == THEMES["journal"].light
    assert brand.dark == replace(THEMES["journal"].dark, accent="#abcdef")
    assert (brand.wording.footer, brand.wording.greeting, brand.logo_url) == ("Made by us.", "", "")


def test_settings_know_the_themes_that_there_are() -> None:
    assert set(NAMED_THEMES) == set(THEMES)


def test_only_topics_with_a_page_are_linked() -> None:
    assert topic_urls(configured({}, {})) == {"open": "http://127.0.0.1:8080/topics/open"}
    assert topic_urls(configured({}, {"pages": False})) == {}
