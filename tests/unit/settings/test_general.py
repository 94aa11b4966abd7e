"""newsletter.yaml and the environment: what they come to, and every complaint about them."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter.model import Frequency, Weekday
from newsletter.settings.general import database_url

if TYPE_CHECKING:
    from tests.unit.settings.conftest import Directory

MAIL = "mail: {sender: digest@example.org}\n"


def test_defaults(directory: Directory) -> None:
    settings = directory.load().settings
    assert settings.newsletter.name == "Newsletter"
    assert settings.data_directory == directory.path.parent / "data"
    assert settings.database_url == f"sqlite+aiosqlite:///{directory.path.parent}/data/newsletter.db"
    assert settings.contact == "digest@example.org"
    assert settings.mail.sender.name == "Digest"
    assert settings.mail.list_identifier == "digest.example.org"
    assert (settings.mail.relay.host, settings.mail.relay.port, settings.mail.relay.tls) == (
        "localhost",
        25,
        "opportunistic",
    )
    assert settings.mail.outgoing == {"relay": settings.mail.relay}
    assert settings.web.base_url == "http://127.0.0.1:8080"
    assert settings.defaults.send_at == time(7)
    assert settings.defaults.frequency is Frequency.DAILY
    assert settings.defaults.weekday is Weekday.MONDAY


def test_everything_can_be_said(directory: Directory) -> None:
    directory.write("ca.pem", "x")
    directory.write("templates/digest.mjml", "x")
    directory.write(
        "newsletter.yaml",
        """
newsletter: {name: Preprints, language: de, postal_address: Street 1, contact: me@bücher.example,
  website: https://example.org}
store: {url: "postgres://u:p@db/news"}
data_directory: state
mail:
  sender: '"Preprints, daily" <digest@example.org>'
  reply_to: me@example.org
  unsubscribe_address: leave@example.org
  list_id: digest.example.org
  relay: {host: smtp.example.org, tls: IMPLICIT, username: u, password: 0123, connections: 8,
    messages_per_connection: 10, timeout_s: 1.5, ca_file: ca.pem}
  catcher: {enabled: no, port: 0}
web: {host: 0.0.0.0, port: 80, public_url: https://example.org/news/, secret: sixteen-or-more-characters}
collect: {interval_minutes: 5, timeout_s: 3, maximum_size_mb: 1, allow_private_addresses: yes}
issue: {lookback_days: 0, staleness_days: 3, late_limit_hours: 12, when_quiet: mail}
deliver: {deadline_hours: 0.5, shutdown_s: 2, first_retry_minutes: 0.1}
templates_directory: templates
log: {format: json, level: DEBUG}
defaults: {zone: Europe/Berlin, send_at: 7:30, frequency: Weekly, weekday: Friday, template: digest}
sources:
  arxiv: {kind: arxiv, categories: [cs.LG, hep-th, cond-mat.mes-hall, cs], interval_minutes: 15,
    base_url: "http://127.0.0.1:1/atom"}
  hf: {kind: huggingface, limit: 10, base_url: https://example.org}
  feed: {kind: feed, url: https://example.org/feed.xml}
  json: {kind: jsonfeed, url: https://example.org/feed.json}
  file: {kind: file, path: newsletter.yaml, redate: true}
""",
    )
    configuration = directory.load()
    settings = configuration.settings
    assert settings.data_directory == directory.path / "state"
    assert settings.database_url == "postgresql+psycopg://u:p@db/news"
    assert settings.contact == "me@xn--bcher-kva.example"
    assert settings.mail.sender.name == "Preprints, daily"
    assert settings.mail.relay.port == 465
    assert settings.mail.relay.ca_file == directory.path / "ca.pem"
    assert settings.mail.relay.password is not None
    assert settings.mail.relay.password.get_secret_value() == "0123"
    assert settings.mail.list_identifier == "digest.example.org"
    assert settings.web.base_url == "https://example.org/news"
    assert settings.defaults.send_at == time(7, 30)
    assert settings.defaults.weekday is Weekday.FRIDAY
    assert settings.collect.allow_private_addresses
    assert not settings.mail.catcher.enabled
    assert set(settings.sources) == {"arxiv", "hf", "feed", "json", "file"}
    assert "0123" not in repr(configuration)
    assert "sixteen-or-more" not in repr(configuration)
    assert "u:p@db" not in repr(configuration)


@pytest.mark.parametrize(
    "command",
    ["'/opt/my token' --account 'a b'", '["/opt/my token", --account, a b]'],
)
def test_a_token_command_is_a_list_or_a_line_split_as_a_shell_would(directory: Directory, command: str) -> None:
    relay = f"{{username: u, token_command: {command}, authentication: XOAUTH2, minimum_tls: 1.3, dsn: yes}}"
    if command.startswith("'"):
        relay = relay.replace(command, f'"{command}"')
    directory.write("newsletter.yaml", f"mail:\n  sender: d@example.org\n  relay: {relay}\n")
    settings = directory.load().settings.mail.relay
    assert settings.token_command == ("/opt/my token", "--account", "a b")
    assert (settings.authentication, settings.minimum_tls, settings.dsn) == ("xoauth2", "1.3", True)


def test_a_token_command_comes_from_the_environment_as_a_line(directory: Directory) -> None:
    directory.write("newsletter.yaml", "mail: {sender: d@example.org, relay: {username: u}}\n")
    environment = {"NEWSLETTER_MAIL__RELAY__TOKEN_COMMAND": "/opt/token --account x"}
    settings = directory.load(environment).settings.mail.relay
    assert settings.token_command == ("/opt/token", "--account", "x")


def test_mail_goes_to_the_catcher_while_that_is_enabled(directory: Directory) -> None:
    directory.write(
        "newsletter.yaml",
        "mail:\n  sender: d@example.org\n  catcher: {enabled: true, port: 2525}\n  relay: {host: smtp.example.org}\n",
    )
    [(name, outgoing)] = directory.load().settings.mail.outgoing.items()
    assert name == "catcher"
    assert (outgoing.host, outgoing.port, outgoing.tls, outgoing.username) == ("127.0.0.1", 2525, "none", None)


RELAYS = """
mail:
  sender: d@example.org
  relays:
    main: {host: smtp.example.org, weight: 3, username: a, password_file: pw, connections: 8,
      limits: {per_second: 10, per_day: 50000}, warm_up: {starts_on: 2026-03-01, first_day: 50}}
    spare: {host: smtp.example.net, priority: 1}
    campus: {host: mail.example.edu, domains: [Example.EDU, "*.bücher.example"]}
  domains:
    gmail.com: {connections: 2, limits: {per_minute: 100}}
    "*": {connections: 10}
sources: {h: {kind: huggingface}}
"""


def test_several_relays_and_limits(directory: Directory) -> None:
    directory.write("newsletter.yaml", RELAYS)
    directory.write("pw", "geheim").chmod(0o600)
    mail = directory.load().settings.mail
    assert list(mail.outgoing) == ["main", "spare", "campus"]
    main = mail.relays["main"]
    assert (main.priority, main.weight, main.connections) == (0, 3, 8)
    assert main.password is not None
    assert main.password.get_secret_value() == "geheim"
    assert (main.limits.per_second, main.limits.per_minute, main.limits.per_day) == (10, None, 50_000)
    assert main.warm_up is not None
    assert (main.warm_up.starts_on, main.warm_up.growth) == (date(2026, 3, 1), 1.5)
    assert mail.relays["campus"].domains == ("example.edu", "*.xn--bcher-kva.example")
    assert mail.domains["gmail.com"].limits.per_minute == 100
    assert mail.domains["*"].connections == 10


def test_a_relay_of_several_from_the_environment(directory: Directory) -> None:
    directory.write("newsletter.yaml", RELAYS)
    directory.write("pw", "geheim").chmod(0o600)
    variables = {"NEWSLETTER_MAIL__RELAYS__MAIN__PASSWORD": "other", "NEWSLETTER_MAIL__RELAYS__SPARE__PORT": "2525"}
    mail = directory.load(variables).settings.mail
    assert mail.relays["main"].password is not None
    assert mail.relays["main"].password.get_secret_value() == "other"
    assert mail.relays["spare"].port == 2525


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.0.0.1:8080/news", "http://[::1]:8080"])
def test_the_catcher_may_be_enabled_where_only_this_machine_reaches_the_pages(directory: Directory, url: str) -> None:
    catcher = "mail: {sender: d@example.org, catcher: {enabled: true}}\n"
    directory.write("newsletter.yaml", f"{catcher}web: {{host: '::1', public_url: '{url}'}}\n")
    assert directory.load().settings.mail.catcher.enabled


def corpus() -> list[tuple[str, str]]:
    """Return the files and expectations of ``complaints.txt``."""
    lines = (Path(__file__).parent / "complaints.txt").read_text("utf-8").splitlines()
    cases = [line for line in lines if line and not line.startswith("#")]
    texts = [case[2:].replace("\\n", "\n") + "\n" for case in cases[::2]]
    starts = [MAIL if case[0] == "+" else "" for case in cases[::2]]
    return [(start + text, expected.strip()) for start, text, expected in zip(starts, texts, cases[1::2], strict=True)]


@pytest.mark.parametrize(("text", "expected"), corpus())
def test_complaints(directory: Directory, text: str, expected: str) -> None:
    directory.write("newsletter.yaml", text)
    found = directory.complaints()
    assert any(expected in complaint for complaint in found), found


def test_all_problems_of_all_files_come_at_once_and_in_order(directory: Directory) -> None:
    directory.write("newsletter.yaml", "mail: {sender: x}\nwbe: 1\nlog: {level: x}\n")
    directory.write("profiles/b.yaml", "keywrods: [a]\n")
    directory.write("profiles/a.yaml", "a: b: c\n")
    places = [complaint.partition(": ")[0] for complaint in directory.complaints()]
    assert places == ["newsletter.yaml:1:16", "newsletter.yaml:2:1", "newsletter.yaml:3:14", *places[3:]]
    assert places[3:] == ["profiles/a.yaml:1:5", "profiles/b.yaml:1:1"]


class TestEnvironment:
    def test_it_wins_over_the_file(self, directory: Directory) -> None:
        settings = directory.load(
            {
                "NEWSLETTER_MAIL__SENDER": "Other <other@example.org>",
                "newsletter_web__port": "9090",
                "NEWSLETTER_COLLECT__TIMEOUT_S": "",
                "NEWSLETTER_SOURCES__ARXIV__KIND": "arxiv",
                "NEWSLETTER_SOURCES__ARXIV__CATEGORIES": '["cs.LG"]',
                "PATH": "x",
            }
        ).settings
        assert settings.mail.sender.name == "Other"
        assert settings.web.port == 9090
        assert settings.collect.timeout_s == 90
        assert set(settings.sources) == {"a", "arxiv"}

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("NEWSLETTER_WEB__PORT", "x", "web.port should be a whole number"),
            ("NEWSLETTER_WEB__PROT", "1", "unknown key “prot” in web — did"),
            ("NEWSLETTER_WBE__PORT", "1", "there is no setting “wbe.port” — did"),
            ("NEWSLETTER_SOURCES", "[x", "the value is not JSON"),
            ("NEWSLETTER_SOURCES", '["x"]', "sources should be a group of keys"),
            ("NEWSLETTER_SOURCES__X__URL", "x", "sources.x.kind is missing"),
            ("NEWSLETTER_DATADIRECTORY", "x", "there is no setting “datadirectory” — did you mean “data_directory”?"),
        ],
    )
    def test_complaints_name_the_variable(self, directory: Directory, name: str, value: str, expected: str) -> None:
        found = directory.complaints({name: value})
        assert any(complaint.startswith(f"environment variable {name}: {expected}") for complaint in found), found

    def test_what_others_set_is_let_be(self, directory: Directory) -> None:
        assert directory.complaints({"NEWSLETTER_SERVICE_HOST": "10.0.0.1", "NEWSLETTER_PORT_80_TCP": "x"}) == []


class TestWarnings:
    def test_no_sources(self, directory: Directory) -> None:
        directory.write("newsletter.yaml", MAIL)
        assert directory.complaints() == [
            "newsletter.yaml:1:1: there are no sources, so no paper will ever come — add one under sources:"
        ]

    def test_password_without_encryption(self, directory: Directory) -> None:
        relay = "{host: smtp.example.org, tls: none, username: a, password: b}"
        directory.write(
            "newsletter.yaml", f"sources: {{h: {{kind: huggingface}}}}\nmail:\n  sender: a@b.org\n  relay: {relay}\n"
        )
        (directory.path / "newsletter.yaml").chmod(0o600)
        assert directory.complaints() == [
            (
                "newsletter.yaml:4:40: without encryption no password is sent: only CRAM-MD5 can log in, "
                "where the server offers that — set tls to starttls or implicit"
            )
        ]

    def test_settings_with_a_password_that_everybody_may_read(self, directory: Directory) -> None:
        path = directory.write(
            "newsletter.yaml",
            "sources: {h: {kind: huggingface}}\nmail: {sender: a@b.org, relay: {username: a, password: b}}\n",
        )
        path.chmod(0o644)
        assert "everybody may read" in directory.complaints()[0]

    def test_a_file_source_without_its_file(self, directory: Directory) -> None:
        directory.write("newsletter.yaml", MAIL + "sources: {f: {kind: file, path: gone.xml}}\n")
        assert directory.complaints()[0].startswith("newsletter.yaml:2:33: there is no file ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgres:///d?host=/run/pg", "postgresql+psycopg:///d?host=/run/pg"),
        ("sqlite:///a.db", "sqlite+aiosqlite:////etc/news/a.db"),
        ("sqlite:////var/a.db", "sqlite+aiosqlite:////var/a.db"),
        ("sqlite+aiosqlite:///../a.db", "sqlite+aiosqlite:////etc/a.db"),
    ],
)
def test_database_addresses(text: str, expected: str) -> None:
    assert database_url(text, Path("/etc/news")) == expected


def test_a_database_address_with_a_password_is_a_secret_too(directory: Directory) -> None:
    text = "sources: {h: {kind: huggingface}}\nmail: {sender: a@b.org}\nstore: {url: 'postgresql://u:p@h/d'}\n"
    directory.write("newsletter.yaml", text).chmod(0o644)
    (complaint,) = directory.complaints()
    assert complaint.startswith("newsletter.yaml:3:14: everybody may read ")
    directory.write("newsletter.yaml", text.replace(":p@", "@"))
    assert directory.complaints() == []


class TestWebhook:
    TEXT = "sources: {h: {kind: huggingface}}\nmail: {sender: a@b.org}\nalerts: {webhook_url_file: hook}\n"

    def test_its_address_is_a_secret(self, directory: Directory) -> None:
        inside = self.TEXT.replace("webhook_url_file: hook", "webhook_url: 'https://hooks.example/T0/secret'")
        directory.write("newsletter.yaml", inside).chmod(0o644)
        (complaint,) = directory.complaints()
        assert complaint.startswith("newsletter.yaml:3:23: everybody may read ")
        assert "secret'" not in complaint

    def test_it_comes_from_a_file(self, directory: Directory) -> None:
        directory.write("newsletter.yaml", self.TEXT)
        directory.write("hook", "https://hooks.example/T0/key\n").chmod(0o600)
        assert directory.complaints() == []
        url = directory.load().settings.alerts.webhook_url
        assert url is not None
        assert url.get_secret_value() == "https://hooks.example/T0/key"
        assert "T0" not in repr(url)

    def test_a_file_without_an_address_is_told_and_not_repeated(self, directory: Directory) -> None:
        directory.write("newsletter.yaml", self.TEXT)
        directory.write("hook", "hooks.example/T0/key\n").chmod(0o600)
        (complaint,) = directory.complaints()
        assert complaint.startswith("newsletter.yaml:3:28: the file holds no web address")
        assert "T0" not in complaint
