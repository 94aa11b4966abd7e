"""``newsletter api``: the token it prints opens the API with the lines that it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from newsletter.core.access import find_token
from newsletter.errors import ConfigurationError
from tests.support.api import write_configuration
from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from pathlib import Path


def test_the_lines_let_the_token_in(tmp_path: Path) -> None:
    words = ("api", "make-token", "crm", "--scope", "papers:read", "--scope", "bounces:read", "--expires", "2099-12-31")
    said = CommandLine(tmp_path)(*words)
    token, _, lines = said.out.partition("\n")
    assert said.code == 0
    assert token not in lines
    configuration = write_configuration(tmp_path / "config", lines)
    found = find_token(configuration.settings.api.known, token, configuration.settings.api.known[0].expires)  # type: ignore[arg-type]
    assert found is not None
    assert (found.name, sorted(found.scopes)) == ("crm", ["bounces:read", "papers:read"])
    assert yaml.safe_load(lines)["api"]["tokens"]["crm"]["hash"] in repr(found)


def test_as_json(tmp_path: Path) -> None:
    said = CommandLine(tmp_path)("api", "make-token", "crm", "--scope", "papers:read", "--json")
    assert said.json.keys() == {"name", "token", "hash", "scopes", "expires"}


@pytest.mark.parametrize("words", [("a b", "--scope", "papers:read"), ("crm",), ("crm", "--scope", "everything")])
def test_what_cannot_be_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert CommandLine(tmp_path)("api", "make-token", *words).code == 2


def test_a_token_in_the_place_of_its_hash_is_refused_and_not_repeated(tmp_path: Path) -> None:
    wrong = "api:\n  tokens:\n    crm:\n      hash: nlt_secret\n      scopes: [papers:reed]\n"
    with pytest.raises(ConfigurationError) as caught:
        write_configuration(tmp_path / "config", wrong)
    assert "nlt_secret" not in str(caught.value)
    assert "did you mean “papers:read”?" in str(caught.value)
