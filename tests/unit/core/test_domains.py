import pytest

from newsletter.core.domains import FREEMAIL, above, belongs_together, registered


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mail.example.org", "example.org"),
        ("Example.ORG.", "example.org"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("news.example.com.br", "example.com.br"),
        ("mail.example.de", "example.de"),
    ],
)
def test_the_domain_that_somebody_registered(name: str, expected: str) -> None:
    assert registered(name) == expected


def test_who_belongs_together() -> None:
    assert belongs_together("smtp.gmail.com", "gmail.com")
    assert not belongs_together("gmail.com.example.org", "gmail.com")
    assert not belongs_together("one.co.uk", "two.co.uk")


def test_dmarc_is_looked_for_upwards() -> None:
    assert above("a.b.example.org") == ["a.b.example.org", "b.example.org", "example.org"]
    assert above("example.org") == ["example.org"]
    assert above("localhost") == ["localhost"]


def test_freemail_names_are_domains_in_lower_case() -> None:
    assert len(FREEMAIL) > 40
    assert all("." in name and name == name.lower() for name in FREEMAIL)
