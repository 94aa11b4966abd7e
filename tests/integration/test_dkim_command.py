"""``newsletter dkim``: keys on disk, records in a DNS on loopback, and mails that leave with signatures."""

from __future__ import annotations

import asyncio
import re
import stat
from typing import TYPE_CHECKING

import dkim
import pytest
from aiosmtpd.controller import Controller

from newsletter.core.signing import Algorithm
from newsletter.settings.load import load_configuration
from newsletter.settings.signingkeys import signing_keys
from tests.support.command_line import Answer, CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.dns_server import FAILS, DnsServer
from tests.support.postfix import free_port
from tests.support.relaying import Keeper
from tests.support.signing import dns_of, make_signing_key, pem
from tests.support.smtp_server import SmtpServer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["migrated_file"]


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    return make_command_line(tmp_path, migrated_file)


def configure(newsletter: CommandLine, lines: str) -> None:
    """Add lines under ``mail:``."""
    path = newsletter.directory / "newsletter.yaml"
    path.write_text(path.read_text().replace("mail:\n", f"mail:\n{lines}", 1))


def generated(newsletter: CommandLine, *options: str) -> tuple[str, str]:
    """Make keys and return the zone's lines and the lines for newsletter.yaml."""
    answer = newsletter("dkim", "generate", *options)
    assert answer.code == 0, answer.err
    zone, _, settings = answer.out.partition("  dkim:\n")
    return zone, "  dkim:\n" + settings


def zone_of(lines: str) -> dict[tuple[str, str], list[str] | str]:
    """Return the records in a zone's lines as a name server holds them."""
    found = re.findall(r"(?m)^(\S+)\. IN TXT \( (.*) \)$", lines)
    return {(name, "TXT"): [strings] for name, strings in found}


async def call(newsletter: CommandLine, dns: DnsServer, *words: str) -> Answer:
    return await asyncio.to_thread(newsletter, *words, "--nameserver", f"127.0.0.1:{dns.port}")


async def test_from_keys_to_signed_mails(newsletter: CommandLine) -> None:
    zone, settings = generated(newsletter)
    assert settings.count("private_key_file") == 2
    configure(newsletter, settings)
    assert newsletter("check").code == 0
    assert newsletter("dkim", "show").out == zone
    async with DnsServer(zone_of(zone)) as dns, SmtpServer() as relay:
        answer = await call(newsletter, dns, "dkim", "check")
        assert (answer.code, answer.out.count("ok  ")) == (0, 2), answer.out
        configure(newsletter, f"  relay:\n    host: 127.0.0.1\n    port: {relay.port}\n    tls: none\n")
        assert (await asyncio.to_thread(newsletter, "send-test", "reader@example.net")).code == 0
    keys = signing_keys(load_configuration(newsletter.directory).settings)
    (received,) = relay.received
    oracle = dkim.DKIM(received.content)
    assert [oracle.verify(index, dnsfunc=dns_of(keys)) for index in (0, 1)] == [True, True]


@pytest.mark.parametrize("redirect", ["", "  redirect_all_to: staging@example.org\n"])
def test_digests_leave_signed_last_of_all(newsletter: CommandLine, redirect: str) -> None:
    _, settings = generated(newsletter)
    keeper = Keeper()
    relay = Controller(keeper, hostname="127.0.0.1", port=free_port())
    lines = f"  relay:\n    host: 127.0.0.1\n    port: {relay.port}\n    tls: none\n"
    configure(newsletter, settings + redirect + lines)
    relay.start()
    try:
        for words in ("subscribers add ann@example.net --profile vision", "collect", "issue", "deliver"):
            answer = newsletter(*words.split())
            assert answer.code == 0, answer.err
    finally:
        relay.stop()
    keys = signing_keys(load_configuration(newsletter.directory).settings)
    assert keeper.messages
    for message in keeper.messages.values():
        assert message.startswith(b"DKIM-Signature: ")
        assert message.count(b"X-Intended-To: ") == bool(redirect)
        oracle = dkim.DKIM(message)
        assert [oracle.verify(index, dnsfunc=dns_of(keys)) for index in (0, 1)] == [True, True]


def test_keys_are_for_their_owner_and_never_written_over(newsletter: CommandLine) -> None:
    folder = newsletter.directory.parent / "data" / "dkim"
    generated(newsletter)
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["newsletter-ed25519.pem", "newsletter-rsa.pem"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, *files)] == [0o700, 0o600, 0o600]
    before = [path.read_text() for path in files]
    again = newsletter("dkim", "generate")
    assert again.code == 5
    assert "is there already" in again.err
    assert [path.read_text() for path in files] == before
    generated(newsletter, "--selector", "next", "--algorithm", "ed25519")
    generated(newsletter, "--force")
    assert all(path.read_text() != text for path, text in zip(files, before, strict=True))
    assert max(path.name for path in folder.iterdir()) == "next-ed25519.pem"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_dry_run_writes_nothing(newsletter: CommandLine, tmp_path: Path) -> None:
    answer = newsletter("dkim", "generate", "--dry-run", "--directory", str(tmp_path / "keys"), "--json")
    assert answer.json["written"] is False
    assert [key["algorithm"] for key in answer.json["keys"]] == ["rsa-sha256", "ed25519-sha256"]
    assert all(len(each) <= 255 for key in answer.json["keys"] for each in key["strings"])
    assert answer.json["keys"][0]["private_key_file"] == str(tmp_path / "keys" / "newsletter-rsa.pem")
    assert "PRIVATE" not in answer.out
    assert not (tmp_path / "keys").exists()
    assert newsletter("dkim", "generate", "--dry-run").code == 0
    assert not (newsletter.directory.parent / "data" / "dkim").exists()


def test_bad_words_are_told(newsletter: CommandLine, tmp_path: Path) -> None:
    assert newsletter("dkim", "generate", "--selector", "not/a/name").code == 2
    assert newsletter("dkim", "generate", "--bits", "1024").code == 2
    (tmp_path / "file").write_text("")
    answer = newsletter("dkim", "generate", "--directory", str(tmp_path / "file" / "below"))
    assert answer.code == 2
    assert "cannot be written" in answer.err


async def test_without_keys_there_is_nothing_to_check(newsletter: CommandLine) -> None:
    async with DnsServer({}) as dns:
        answer = await call(newsletter, dns, "dkim", "check", "--json")
        assert answer.code == 0
        assert answer.json["findings"][0]["level"] == "skipped"
        assert dns.asked == []
    shown = newsletter("dkim", "show")
    assert (shown.code, shown.out) == (0, "")
    assert "mails are not signed here" in shown.err
    assert newsletter("dkim", "show", "--json").json == []


async def test_what_the_dns_lacks_is_said_with_the_fix(newsletter: CommandLine) -> None:
    zone, settings = generated(newsletter)
    configure(newsletter, settings)
    other = make_signing_key(Algorithm.ED25519)
    name = "newsletter-ed25519._domainkey.example.org"
    records = zone_of(zone) | {(name, "TXT"): [f'"{other.record()}"']}
    del records["newsletter-rsa._domainkey.example.org", "TXT"]
    async with DnsServer(records) as dns:
        answer = await call(newsletter, dns, "dkim", "check")
        doctor = await call(newsletter, dns, "doctor", "--json")
        dns.records[name, "TXT"] = FAILS
        silent = await call(newsletter, dns, "dkim", "check", "--json")
    assert answer.code == 1
    assert "there is no record at newsletter-rsa._domainkey.example.org" in answer.out
    assert "publish what `newsletter dkim show` prints" in answer.out
    assert "is not ours" in answer.out
    assert [each["level"] for each in doctor.json["findings"] if each["check"] == "dkim"] == ["problem", "problem"]
    assert silent.json["counts"]["skipped"] == 1


@pytest.mark.parametrize(
    ("content", "mode", "words", "code"),
    [
        (None, 0o600, "it cannot be read: no such file", 2),
        ("", 0o600, "it holds no private key in PEM form — make one with", 2),
        (pem(Algorithm.RSA), 0o644, "everybody may read", 0),
        (pem(Algorithm.RSA, 1024), 0o600, "the key has 1024 bits", 0),
        (pem(Algorithm.ED25519), 0o600, "the key is one for ed25519-sha256, not for rsa-sha256", 2),
    ],
)
def test_keys_that_cannot_be_used_are_told_with_their_file(
    newsletter: CommandLine, content: str | None, mode: int, words: str, code: int
) -> None:
    path = newsletter.directory / "key.pem"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    configure(
        newsletter,
        "  dkim:\n    keys:\n      - selector: s1\n        private_key_file: key.pem\n        algorithm: rsa-sha256\n",
    )
    answer = newsletter("check")
    said = answer.out + answer.err
    assert answer.code == code
    assert f"newsletter.yaml:7:27: {path}" in said or "everybody may read" in said
    assert words in said
    assert "PRIVATE KEY" not in said


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("    keys: []\n", "mail.dkim.keys"),
        ("    keys: [{selector: 'a b', private_key_file: k}]\n", "not a name in the DNS"),
        ("    keys: [{selector: a}]\n", "no private key is given"),
        ("    keys: [{selector: a, private_key_file: k}, {selector: A, private_key_file: l}]\n", "two keys have"),
        ("    domain: '*'\n    keys: [{selector: a, private_key_file: k}]\n", "this is not a domain"),
    ],
)
def test_settings_that_cannot_be(newsletter: CommandLine, lines: str, words: str) -> None:
    configure(newsletter, f"  dkim:\n{lines}")
    answer = newsletter("check")
    assert answer.code == 2
    assert words in answer.out + answer.err


def test_signing_for_another_domain_is_warned_of(newsletter: CommandLine) -> None:
    _, settings = generated(newsletter)
    configure(newsletter, settings.replace("  dkim:\n", "  dkim:\n    domain: example.net\n"))
    answer = newsletter("check")
    assert answer.code == 0
    assert "do not count for example.org (DMARC)" in answer.out + answer.err
