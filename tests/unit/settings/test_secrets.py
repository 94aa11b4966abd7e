"""Secrets: from files, from the environment, and the one that is made."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import ConfigurationError
from newsletter.settings.secrets import link_secret

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from tests.unit.settings.conftest import Directory

TEXT = "sources: {h: {kind: huggingface}}\nmail: {sender: a@example.org, relay: {username: u, KEYS}}\n"


def shown(secret: SecretStr | None) -> str:
    assert secret is not None
    return secret.get_secret_value()


def private(directory: Directory, name: str, content: str | bytes) -> Path:
    path = directory.write(name, content)
    path.chmod(0o600)
    return path


def test_a_password_from_a_file_beside_the_settings(directory: Directory) -> None:
    directory.write("newsletter.yaml", TEXT.replace("KEYS", "password_file: smtp-password"))
    private(directory, "smtp-password", "p%s w: #ä\r\n")
    configuration = directory.load()
    assert shown(configuration.settings.mail.relay.password) == "p%s w: #ä"
    assert configuration.warnings == ()
    assert "p%s" not in repr(configuration)


@pytest.mark.parametrize(
    ("in_file", "variable", "value"),
    [
        ("password: weak", "NEWSLETTER_MAIL__RELAY__PASSWORD_FILE", "{path}/strong"),
        ("password_file: weak", "NEWSLETTER_MAIL__RELAY__PASSWORD", "strong"),
        ("password: weak", "NEWSLETTER_MAIL__RELAY__PASSWORD", "strong"),
    ],
)
def test_the_environment_wins_whichever_way_it_is_said(
    directory: Directory, in_file: str, variable: str, value: str
) -> None:
    directory.write("newsletter.yaml", TEXT.replace("KEYS", in_file))
    private(directory, "strong", "strong\n")
    settings = directory.load({variable: value.format(path=directory.path)}).settings
    assert shown(settings.mail.relay.password) == "strong"


@pytest.mark.parametrize("password", ["{a", "[1]", "null", "1e5", "true", " x ", "a__b", "${HOME}"])
def test_a_password_in_the_environment_is_taken_as_it_is(directory: Directory, password: str) -> None:
    directory.write("newsletter.yaml", TEXT.replace(", KEYS", ""))
    settings = directory.load({"NEWSLETTER_MAIL__RELAY__PASSWORD": password}).settings
    assert shown(settings.mail.relay.password) == password


def test_store_address_and_link_secret_from_files(directory: Directory) -> None:
    directory.write("newsletter.yaml", "mail: {sender: a@example.org}\nstore: {url_file: u}\nweb: {secret_file: s}\n")
    private(directory, "u", "postgresql://u:p@h/d\n")
    private(directory, "s", "0123456789abcdef\n")
    settings = directory.load().settings
    assert settings.database_url == "postgresql+psycopg://u:p@h/d"
    assert link_secret(settings) == "0123456789abcdef"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "smtp: it cannot be read: no such file or directory — check the path"),
        (b"", "smtp is empty"),
        (b"\n", "smtp is empty"),
        (b"a\nb\n", "smtp holds more than one line"),
        (b"\xff", "smtp: the byte 0xFF is not UTF-8"),
    ],
)
def test_files_without_a_secret(directory: Directory, content: bytes | None, expected: str) -> None:
    directory.write("newsletter.yaml", TEXT.replace("KEYS", "password_file: smtp"))
    if content is not None:
        private(directory, "smtp", content)
    (complaint,) = directory.complaints()
    assert complaint.startswith("newsletter.yaml:2:67: ")
    assert expected in complaint


def test_a_secret_said_twice(directory: Directory) -> None:
    path = directory.write("newsletter.yaml", TEXT.replace("KEYS", "password: a, password_file: b"))
    path.chmod(0o600)
    (complaint,) = directory.complaints()
    assert complaint.endswith("both password and password_file are given — keep one of them")


def test_a_secret_that_everybody_may_read(directory: Directory) -> None:
    directory.write("newsletter.yaml", TEXT.replace("KEYS", "password_file: smtp"))
    directory.write("smtp", "x").chmod(0o644)
    (complaint,) = directory.complaints()
    assert "everybody may read" in complaint
    assert complaint.endswith("smtp")


class TestLinkSecret:
    def test_it_is_made_once_for_its_owner_alone(self, directory: Directory) -> None:
        directory.write("newsletter.yaml", "mail: {sender: a@example.org}\ndata_directory: data\n")
        settings = directory.load().settings
        first = link_secret(settings)
        assert len(first) >= 32
        assert link_secret(settings) == first
        (file,) = settings.data_directory.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_a_damaged_one_is_not_replaced(self, directory: Directory) -> None:
        directory.write("newsletter.yaml", "mail: {sender: a@example.org}\ndata_directory: data\n")
        directory.write("data/link-secret", "")
        settings = directory.load().settings
        with pytest.raises(ConfigurationError, match="is damaged"):
            link_secret(settings)
        directory.write("data/link-secret", b"\xff" * 40)
        with pytest.raises(ConfigurationError, match="cannot be read"):
            link_secret(settings)

    def test_a_data_directory_that_cannot_be(self, directory: Directory) -> None:
        directory.write("newsletter.yaml", "mail: {sender: a@example.org}\ndata_directory: newsletter.yaml\n")
        with pytest.raises(ConfigurationError):
            link_secret(directory.load().settings)
