"""Who may see the admin's pages: hashes in the file, beside it and from the command that makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from newsletter.core.passwords import read_hash
from newsletter.errors import ConfigurationError
from tests.support.adminsite import PASSWORD, password_hash
from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.settings.conftest import Directory

TEXT = "sources: {h: {kind: huggingface}}\nmail: {sender: a@example.org}\nadmin:\n  users:\n    ada: {KEYS}\n"


def test_nobody_may_unless_somebody_is_named(directory: Directory) -> None:
    directory.write("newsletter.yaml", TEXT.partition("admin:")[0])
    assert directory.load().settings.admin.hashes == {}


def test_a_hash_in_the_file_that_everybody_may_read_is_warned_of(directory: Directory) -> None:
    path = directory.write("newsletter.yaml", TEXT.replace("KEYS", f"password_hash: '{password_hash()}'"))
    path.chmod(0o644)
    configuration = directory.load()
    assert configuration.settings.admin.hashes == {"ada": password_hash()}
    (warning,) = configuration.warnings
    assert "everybody may read" in warning.message
    assert (warning.line, warning.severity) == (5, "warning")
    assert "$scrypt" not in repr(configuration)


def test_a_hash_comes_from_a_file_of_its_own_or_the_environment(directory: Directory) -> None:
    directory.write("newsletter.yaml", TEXT.replace("KEYS", "password_hash_file: hash"))
    directory.write("hash", password_hash() + "\n").chmod(0o600)
    assert directory.load().settings.admin.hashes == {"ada": password_hash()}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", ":5:10: “ada” has no password_hash — make it with `newsletter admin hash-password`"),
        ("password_hash: hunter2-hunter2", ":5:26: the hash of “ada” cannot be used: it is not the hash of a password"),
        (
            f"password_hash: '{password_hash().replace('ln=8', 'ln=29')}'",
            ":5:26: the hash of “ada” cannot be used: it would take too much memory",
        ),
    ],
)
def test_what_is_no_hash_is_refused_and_not_repeated(directory: Directory, keys: str, said: str) -> None:
    directory.write("newsletter.yaml", TEXT.replace("KEYS", keys))
    with pytest.raises(ConfigurationError) as raised:
        directory.load()
    told = "\n".join(map(str, raised.value.problems))
    assert said in told
    assert "hunter2" not in told
    assert "$scrypt" not in told


def test_the_command_prints_what_the_file_takes(directory: Directory, tmp_path: Path) -> None:
    answer = CommandLine(tmp_path)("admin", "hash-password", "ada", answer=f"{PASSWORD}\n")
    assert answer.code == 0
    assert PASSWORD not in answer.out + answer.err
    kept = yaml.safe_load(answer.out)["admin"]["users"]["ada"]["password_hash"]
    assert read_hash(kept).fits(PASSWORD)
    directory.write("newsletter.yaml", TEXT.partition("admin:")[0] + answer.out).chmod(0o600)
    assert directory.load().settings.admin.hashes == {"ada": kept}


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "too short"), ("ada", ""), ("a b", PASSWORD), ("ada", "x" * 1001)]
)
def test_the_command_refuses_short_passwords_and_odd_names(tmp_path: Path, name: str, password: str) -> None:
    answer = CommandLine(tmp_path)("admin", "hash-password", name, answer=f"{password}\n")
    assert answer.code == 2
    assert answer.out == ""
    assert not password or password not in answer.err
