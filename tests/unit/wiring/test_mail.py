"""What the mails are told of the configuration."""

from __future__ import annotations

import pytest

from newsletter.settings.models import Settings
from newsletter.wiring.mail import archive_url

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
