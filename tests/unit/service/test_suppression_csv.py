"""Suppressions as CSV: whatever the file is, each line is a suppression or a problem, and what was written is read."""

from __future__ import annotations

import io
import string
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import AddressError, ConfigurationError
from newsletter.model import Problem, Suppression, SuppressionKind, SuppressionReason
from newsletter.service.suppression import read_value
from newsletter.service.suppression_csv import Defaults, read_csv, write_csv

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
WORDS = st.text(string.ascii_letters + string.digits + " ,;\"'=+-@äß", max_size=40).map(
    lambda text: " ".join(text.split())
)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds)
SUPPRESSIONS = st.builds(
    Suppression,
    kind=st.just(SuppressionKind.ADDRESS),
    value=st.from_regex(r"[a-z=+-][a-z0-9]{0,9}@[a-z]{2,9}\.example", fullmatch=True),
    reason=st.sampled_from(SuppressionReason),
    detail=WORDS,
    source=st.sampled_from(["smtp", "ses", "command-line"]),
    created_at=TIMES,
    expires_at=st.none() | TIMES,
)


def read(content: bytes) -> list[Suppression | Problem]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(content)
        return list(read_csv(path, Defaults(NOW)))


@given(st.lists(SUPPRESSIONS, max_size=5))
def test_what_is_written_is_read_back(suppressions: list[Suppression]) -> None:
    stream = io.StringIO()
    assert write_csv(stream, suppressions, header=True) == len(suppressions)
    assert read(stream.getvalue().encode()) == suppressions


@given(st.binary(max_size=300))
def test_no_file_raises_anything_but_what_it_is_meant_to(content: bytes) -> None:
    try:
        lines = read(content)
    except ConfigurationError:
        return
    assert all(isinstance(each, Suppression | Problem) for each in lines)


def test_separators_and_synonyms_are_understood() -> None:
    for content in (
        "Recipient;Expires\na@b.test;2027-01-01\n",
        "domain\temail\tx\nb.test\ta@b.test\t1\n",
        "\ufeffEMAIL_ADDRESS\r\n a@b.test \r\n",
    ):
        [found] = read(content.encode())
        assert isinstance(found, Suppression)
        assert found.value == "a@b.test"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (" Ada@Example.ORG ", SuppressionKind.ADDRESS, "ada@example.org"),
        ("Example.org", SuppressionKind.DOMAIN, "example.org"),
        ("@bücher.example", SuppressionKind.DOMAIN, "xn--bcher-kva.example"),
    ],
)
def test_what_a_text_names(text: str, kind: SuppressionKind, value: str) -> None:
    assert read_value(text) == (kind, value)


@pytest.mark.parametrize(
    "text", ["", "@", "nonsense", "a b.test", "<a@b.test>", "*.example.org", "example.org, b.test"]
)
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        read_value(text)
