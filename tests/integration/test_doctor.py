"""``newsletter doctor`` among servers on loopback: a name server, a relay with TLS and login, and the real pages."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.core.findings import DnsAnswer, Finding, Level, RelayAnswer, WebAnswer
from newsletter.core.links import Links
from newsletter.mail.dns import DnsResolver
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.service.doctor import Doctor, Facts
from newsletter.settings.load import load_configuration
from newsletter.settings.secrets import link_secret
from newsletter.store.sql import open_store
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from newsletter.web.server import serve
from tests.support.command_line import Answer, CommandLine, make_command_line
from tests.support.databases import migrated_file, postgres, postgres_url
from tests.support.dns_server import SILENT, DnsServer
from tests.support.smtp_server import Script, SmtpServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file", "postgres", "postgres_url"]

TLS = Path(__file__).resolve().parents[1] / "support" / "tls"
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
KEY = "A" * 392  # as long as an RSA key of 2048 bits
ZONE: dict[tuple[str, str], list[str] | str] = {
    ("example.org", "TXT"): ['"v=spf1 mx include:_spf.example.org -all"'],
    ("_spf.example.org", "TXT"): ['"v=spf1 ip4:192.0.2.1 -all"'],
    ("example.org", "MX"): ["10 mail.example.org."],
    ("example.org", "A"): ["192.0.2.1"],
    ("s1._domainkey.example.org", "TXT"): [f'"v=DKIM1; p={KEY[:200]}" "{KEY[200:]}"'],
    ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=quarantine; rua=mailto:dmarc@example.org"'],
    ("mail.example.org", "A"): ["1.2.3.4"],
    ("4.3.2.1.in-addr.arpa", "PTR"): ["mail.example.org."],
}
FACTS = Facts(
    domain="example.org",
    relay_host="mail.example.org",
    login="digest@example.org",
    list_id="digest.example.org",
    base_url="https://news.example.org",
    unsubscribe_url="https://news.example.org/unsubscribe/x",
    selectors=("s1",),
    source_urls=("https://feeds.example.net/atom",),
    is_caught=False,
)


class FineWeb:
    """Answers as pages and sources that are well."""

    async def ask(self, method: str, url: str, form: str = "") -> WebAnswer:
        if url.endswith("/healthz"):
            return WebAnswer(url, 200, body='{"ok": true}')
        return WebAnswer(url, 400 if form else 200, date=NOW, body=method)


class FineRelay:
    async def examine(self) -> RelayAnswer:
        return RelayAnswer("mail.example.org:587", "", tls_version="TLSv1.3", certificate_until=NOW.replace(year=2030))


async def examine(zone: Mapping[tuple[str, str], list[str] | str], facts: Facts = FACTS) -> dict[str, Finding]:
    async with DnsServer(zone) as server:
        doctor = Doctor(facts, DnsResolver("127.0.0.1", server.port, 0.3), FineWeb(), FineRelay(), lambda: NOW)
        return {finding.check: finding for finding in await doctor.examine()}


async def test_an_installation_in_which_all_is_well() -> None:
    found = await examine(ZONE)
    assert {check: finding.message for check, finding in found.items() if finding.level is not Level.OK} == {}
    assert set(found) == {
        "sender", "spf", "dkim", "dmarc", "mx", "alignment", "relay", "tls", "ptr", "web", "unsubscribe", "clock",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "records", "check", "level"),
    [
        (("example.org", "TXT"), [], "spf", Level.PROBLEM),
        (("_spf.example.org", "TXT"), ['"v=spf1 include:_spf.example.org -all"'], "spf", Level.PROBLEM),  # a loop
        (("_spf.example.org", "TXT"), ['"v=spf1 ' + "a:x.example " * 9 + '-all"'], "spf", Level.PROBLEM),
        (("s1._domainkey.example.org", "TXT"), [], "dkim", Level.PROBLEM),
        (("_dmarc.example.org", "TXT"), [], "dmarc", Level.WARNING),
        (("example.org", "MX"), [], "mx", Level.WARNING),
        (("4.3.2.1.in-addr.arpa", "PTR"), [], "ptr", Level.PROBLEM),
        (("mail.example.org", "A"), SILENT, "ptr", Level.SKIPPED),
        (("_dmarc.example.org", "TXT"), SILENT, "dmarc", Level.SKIPPED),
        (("example.org", "TXT"), SILENT, "spf", Level.SKIPPED),
    ],
)
async def test_one_record_that_is_not_well(
    name: tuple[str, str], records: list[str] | str, check: str, level: Level
) -> None:
    found = await examine(ZONE | {name: records})
    assert {each: finding.level for each, finding in found.items() if finding.level is not Level.OK} == {check: level}
    assert found[check].advice


async def test_the_domain_that_mails_come_back_to_is_looked_at() -> None:
    facts = replace(FACTS, bounce_domain="bounces.example.org")
    found = await examine(ZONE, facts)
    assert (found["return_spf"].level, found["return_mx"].level) == (Level.PROBLEM, Level.PROBLEM)
    zone = ZONE | {
        ("bounces.example.org", "TXT"): ['"v=spf1 mx -all"'],
        ("bounces.example.org", "MX"): ["10 mail.example.org."],
    }
    found = await examine(zone, facts)
    assert {found[check].level for check in ("return_spf", "return_mx", "alignment")} == {Level.OK}
    found = await examine(zone, replace(facts, bounce_domain="elsewhere.test"))
    assert "bounces.address is at elsewhere.test" in found["alignment"].message


async def test_what_cannot_be_known_here_is_skipped() -> None:
    found = await examine(ZONE, replace(FACTS, selectors=(), relay_host="127.0.0.1", source_urls=()))
    skipped = {check for check, finding in found.items() if finding.level is Level.SKIPPED}
    assert skipped == {"dkim", "ptr", "clock"}


async def test_dmarc_of_the_domain_above_counts() -> None:
    found = await examine(ZONE, replace(FACTS, domain="news.example.org"))
    assert found["dmarc"].message == "example.org: p=quarantine"


async def test_without_any_network_nothing_breaks() -> None:
    class Nothing:
        async def txt(self, name: str) -> DnsAnswer:
            return DnsAnswer(fault=f"no network for {name}")

        mx = addresses = names = txt

        async def ask(self, method: str, url: str, form: str = "") -> WebAnswer:
            return WebAnswer(url, fault=f"no network for {method} {form}")

        async def examine(self) -> RelayAnswer:
            return RelayAnswer("x:25", "no network", "connect")

    nothing = Nothing()
    found = await Doctor(FACTS, nothing, nothing, nothing, lambda: NOW).examine()
    assert {finding.check for finding in found if finding.level is Level.PROBLEM} == {"relay", "web"}
    assert all(finding.advice for finding in found if finding.level is Level.PROBLEM)


def server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "loopback.pem")
    return context


async def test_a_session_with_a_relay() -> None:
    async with SmtpServer(Script(extensions=["STARTTLS", "AUTH PLAIN"]), context=server_context()) as server:
        relay = Relay(
            port=server.port, tls=Tls.STARTTLS, ca_file=str(TLS / "authority.pem"), username="user", password="secret"
        )
        answer = await SmtpTransport(relay).examine()
        assert (answer.fault, answer.is_authenticated, str(answer.tls_version)[:4]) == ("", True, "TLSv")
        assert answer.certificate_until is not None
        assert server.commands[-1] == "QUIT"
        assert not [command for command in server.commands if command.startswith("MAIL")]
        unverified = await SmtpTransport(Relay(port=server.port, tls=Tls.OPPORTUNISTIC)).examine()
        assert (unverified.certificate_until, unverified.tls_version is None) == (None, False)


@pytest.mark.parametrize(
    ("script", "relay", "step"),
    [
        (Script(always={"connect": "554 go away"}), Relay(tls=Tls.NONE), "connect"),
        (Script(), Relay(tls=Tls.STARTTLS), "tls"),
        (
            Script(extensions=["STARTTLS", "AUTH PLAIN LOGIN"], always={"auth": "535 5.7.8 wrong"}),
            Relay(tls=Tls.STARTTLS, ca_file=str(TLS / "authority.pem"), username="user", password="wrong"),
            "auth",
        ),
    ],
)
async def test_a_relay_that_will_not_have_us(script: Script, relay: Relay, step: str) -> None:
    async with SmtpServer(script, context=server_context()) as server:
        answer = await SmtpTransport(replace(relay, port=server.port, timeout_s=3)).examine()
    assert (answer.step, bool(answer.fault)) == (step, True)
    assert "secret" not in answer.fault


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    return make_command_line(tmp_path, migrated_file)


async def call(newsletter: CommandLine, server: DnsServer, *arguments: str) -> Answer:
    return await asyncio.to_thread(newsletter, "doctor", "--nameserver", f"127.0.0.1:{server.port}", *arguments)


def probes(store: SqlStore, health: dict[str, object]) -> Probes:
    async def no_figures(_: str) -> tuple[bytes, str]:
        return b"", "text/plain"

    return Probes(lambda: health, list, store.check_schema, no_figures)


def by_check(answer: Answer) -> dict[str, Any]:
    return {finding["check"]: finding for finding in answer.json["findings"]}


async def test_the_command_beside_the_real_pages(newsletter: CommandLine) -> None:
    async with AsyncExitStack() as stack:
        dns = await stack.enter_async_context(DnsServer(ZONE))
        script = Script(extensions=["STARTTLS", "AUTH PLAIN"])
        relay = await stack.enter_async_context(SmtpServer(script, context=server_context()))
        configuration = load_configuration(newsletter.directory).settings
        store = open_store(configuration.database_url)
        stack.push_async_callback(store.aclose)
        links = Links(link_secret(configuration), "")
        app = create_app(store, links, "News", lambda: NOW, None, probes(store, {"ok": True}))
        port = await serve(app, "127.0.0.1", 0, stack)
        path = newsletter.directory / "newsletter.yaml"
        settings = path.read_text().replace("  sender: digest@example.org\n", MAIL.format(relay.port, TLS))
        (newsletter.directory / "password").write_text("secret\n")
        (newsletter.directory / "password").chmod(0o600)
        path.write_text(f"{settings}web:\n  port: {port}\n")
        answer = await call(
            newsletter, dns, "--json", "--dkim-selector", "s1", "--dkim-selector", "s2", "--send-to", "me@example.org"
        )
        spoken = await call(newsletter, dns)
    assert answer.code == 1
    found = by_check(answer)
    problems = [each["check"] for each in answer.json["findings"] if each["level"] == "problem"]
    assert problems == ["dkim", "web"]  # no key at s2; and links lead to this machine
    assert found["delivery"]["level"] == "ok"
    assert [mail.recipient for mail in relay.received] == ["me@example.org"]
    assert found["unsubscribe"]["level"] == found["relay"]["level"] == found["tls"]["level"] == "ok"
    assert found["database"]["message"].startswith("SQLite 3.")
    assert found["clock"]["level"] == "skipped"
    assert answer.json["counts"]["problem"] == 2
    lines = spoken.out.splitlines()
    assert any(line.startswith("skipped  dkim: ") for line in lines)
    assert any(line.startswith("         → set web.public_url") for line in lines)
    assert spoken.err.startswith("1 problem, ")
    assert all(line.isprintable() for line in lines)


MAIL = """\
  sender: digest@example.org
  relay:
    host: 127.0.0.1
    port: {}
    tls: starttls
    ca_file: {}/authority.pem
    username: digest@example.org
    password_file: password
"""


async def test_every_one_of_several_relays_is_examined(newsletter: CommandLine) -> None:
    async with (
        DnsServer(ZONE) as dns,
        SmtpServer() as well,
        SmtpServer(Script(always={"connect": "554 go away"})) as ill,
    ):
        path = newsletter.directory / "newsletter.yaml"
        relays = f"""\
  relays:
    main: {{host: 127.0.0.1, port: {well.port}, tls: none}}
    spare: {{host: 127.0.0.1, port: {ill.port}, tls: none}}
"""
        path.write_text(
            path.read_text().replace("  sender: digest@example.org\n", f"  sender: digest@example.org\n{relays}")
        )
        answer = await call(newsletter, dns, "--json")
    found = [(each["level"], each["message"]) for each in answer.json["findings"] if each["check"] == "relay"]
    assert [level for level, _ in found] == ["ok", "problem"]
    assert found[0][1].startswith(f"main: 127.0.0.1:{well.port} answers")
    assert found[1][1].startswith("spare: the relay cannot be used: ")
    assert "go away" in found[1][1]


async def test_a_daemon_that_signs_with_another_secret_is_told(newsletter: CommandLine) -> None:
    async with AsyncExitStack() as stack:
        dns = await stack.enter_async_context(DnsServer(ZONE))
        store = open_store(load_configuration(newsletter.directory).settings.database_url)
        stack.push_async_callback(store.aclose)
        app = create_app(
            store, Links("another", ""), "News", lambda: NOW, None, probes(store, {"ok": False, "fault": "x"})
        )
        port = await serve(app, "127.0.0.1", 0, stack)
        path = newsletter.directory / "newsletter.yaml"
        path.write_text(f"{path.read_text()}web:\n  port: {port}\n")
        found = by_check(await call(newsletter, dns, "--json"))
    assert "another secret" in found["unsubscribe"]["message"]
    assert found["web"]["message"] == "the daemon answers, and is not well: x"
    assert found["relay"]["level"] == "problem"


async def test_with_the_mail_catcher_only_this_machine_is_looked_at(newsletter: CommandLine) -> None:
    path = newsletter.directory / "newsletter.yaml"
    path.write_text(path.read_text().replace("mail:\n", "mail:\n  catcher:\n    enabled: true\n"))
    async with DnsServer(ZONE) as dns:
        answer = await call(newsletter, dns, "--send-to", "me@example.org", "--json")
        assert dns.asked == []
    assert answer.code == 0
    assert by_check(answer)["delivery"]["level"] == "skipped"


async def test_what_is_wrong_with_the_database_is_a_finding(newsletter: CommandLine, postgres_url: str) -> None:
    database = newsletter.directory.parent / "data" / "newsletter.db"
    database.write_bytes(b"garbage" * 1000)
    path = newsletter.directory / "newsletter.yaml"
    async with DnsServer(ZONE) as dns:
        found = by_check(await call(newsletter, dns, "--json"))
        assert found["database"]["level"] == "problem"
        path.write_text(f"{path.read_text()}store:\n  url: {postgres_url}\n")
        path.chmod(0o600)
        found = by_check(await call(newsletter, dns, "--json"))
    assert found["database"]["level"] == "ok"
    assert found["database"]["message"].startswith("PostgreSQL ")
