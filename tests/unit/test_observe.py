"""What is written as a log, in both forms: stable names, no addresses, no values of variables."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import structlog

from newsletter.observe import configure_for_commands, configure_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = structlog.get_logger()
STYLES = ["json", "console"]


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@dataclass
class Reader:
    address: str


def fail(address: str, secret: str) -> None:
    try:
        {1: 1}[len(secret)]
    except KeyError as error:
        raise ValueError(f"no such user: {address}") from error


@pytest.mark.parametrize("style", STYLES)
def test_no_address_in_any_kind_of_value(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(style, "info")
    logger.info(
        "test.said",
        text="550 <anna@example.org>",
        deep={"anna@example.org": ["x", ("anna@example.org",), {"anna@example.org"}]},
        reader=Reader("anna@example.org"),
        error=ValueError("anna@example.org"),
        count=3,
    )
    said = capsys.readouterr().err
    assert "anna" not in said
    assert said.count("***@example.org") == 6
    assert "test.said" in said
    if style == "json":
        assert json.loads(said)["count"] == 3


@pytest.mark.parametrize("style", STYLES)
def test_a_traceback_shows_neither_addresses_nor_variables(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(style, "info")
    password = "hunter2"
    try:
        fail("anna@example.org", password)
    except ValueError:
        logger.exception("test.failed")
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "KeyError" in said
    assert "***@example.org" in said
    assert "anna" not in said
    assert "hunter2" not in said.replace('password = "hunter2"', "")


@pytest.mark.parametrize("style", STYLES)
def test_libraries_speak_through_the_same_door(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(style, "info")
    try:
        fail("anna@example.org", "")
    except ValueError:
        logging.getLogger("mail.log").exception("could not write to %s", "anna@example.org")
    logging.getLogger("mail.log").info("not told")
    said = capsys.readouterr().err
    assert "could not write to ***@example.org" in said
    assert "ValueError" in said
    assert "anna" not in said
    assert "not told" not in said
    if style == "json":
        assert json.loads(said)["level"] == "error"


def test_commands_tell_warnings_without_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    configure_for_commands()
    logger.info("test.quiet")
    logger.warning("test.loud", text="anna@example.org")
    said = capsys.readouterr().err
    assert "test.quiet" not in said
    assert "***@example.org" in said
