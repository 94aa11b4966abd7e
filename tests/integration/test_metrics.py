"""Readiness and figures of a real app over a real store, scraped as Prometheus does it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text

from newsletter.core.links import Links
from newsletter.core.routing import Fleet, RelayPlan, WarmUp
from newsletter.errors import StoreBusyError
from newsletter.metrics import Metrics
from newsletter.model import (
    BounceKind,
    Circuit,
    CircuitCause,
    CircuitScope,
    CollectionCounts,
    DeliveryState,
    EmailAddress,
    Fault,
    Health,
    Outcome,
    OutcomeKind,
    Pause,
    PauseScope,
    SignupEvent,
    SourceState,
    WebhookStanding,
    Window,
)
from newsletter.service.bounces import Taken
from newsletter.service.collect import CollectionReport
from newsletter.service.issue import IssueReport
from newsletter.service.tally import DeliveryCounts
from newsletter.store.sql import open_store
from newsletter.vitals import Vitals
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from tests.support.databases import migrated_file, sqlite_url
from tests.support.stored import NOW, add_papers, add_people, at, digest_of, planned, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from newsletter.ports import Begin
    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file", "sqlite_url"]

LINKS = Links("a secret of some length", "https://news.example")
RELAY = "smtp.example.org:587"


class Scraped:
    """One application and what it says."""

    def __init__(self, store: SqlStore, token: str | None = None) -> None:
        self.store = store
        self.vitals = Vitals("1.2.3")
        self.metrics = Metrics(store, self.vitals, lambda: at(60))
        probes = Probes(
            lambda: {"ok": True}, self.vitals.unready, store.check_schema, self.metrics.exposition, metrics_token=token
        )
        app = create_app(store, LINKS, "Preprint", lambda: at(60), None, probes)
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://news.example")

    async def values(self) -> dict[str, float]:
        """Return every sample of a scrape by name and labels, as Prometheus writes them."""
        answer = await self.client.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=")
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(answer.text):
            assert family.documentation, family.name
            for sample in family.samples:
                labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
                name = f"{sample.name}{{{labels}}}" if labels else sample.name
                assert name not in found
                found[name] = sample.value
        return found


@pytest.fixture
async def scraped(sqlite_url: str) -> AsyncIterator[Scraped]:
    store = open_store(sqlite_url)
    scraped = Scraped(store)
    yield scraped
    await scraped.client.aclose()
    await store.aclose()


async def test_figures_of_the_store_are_those_of_the_moment(scraped: Scraped) -> None:
    store = scraped.store
    papers = await add_papers(store, 3)
    people = await add_people(store, "ada", "bob", "eve")
    await store.plan([planned(who, digest_of(papers[0]), due_minutes=20 * number) for number, who in enumerate(people)],
                     {}, at(-1))  # fmt: skip
    await settle(store, DeliveryState.ACCEPTED, minutes=5)
    values = await scraped.values()
    assert values["newsletter_store_up"] == 1
    assert values['newsletter_deliveries{relay="",state="accepted"}'] == 1
    assert values['newsletter_deliveries{relay="",state="planned"}'] == 2
    assert values['newsletter_deliveries{relay="",state="rejected"}'] == 0
    assert values['newsletter_subscribers{status="active"}'] == 3
    assert values["newsletter_papers"] == 3
    assert values["newsletter_queue_age_seconds"] == 40 * 60
    assert values["newsletter_last_issue_timestamp_seconds"] == at(-1).timestamp()
    assert values["newsletter_last_issue_planned"] == 3
    assert values["process_open_fds"] > 0
    assert sum(value for name, value in values.items() if name.startswith("newsletter_build_info{")) == 1


async def test_relays_are_told_with_what_they_let_through(scraped: Scraped) -> None:
    store = scraped.store
    main = RelayPlan("main", limits={Window.MINUTE: 30}, warm_up=WarmUp(at(60).date(), 50))
    scraped.metrics.configured([], Fleet((main, RelayPlan("spare"), RelayPlan("third"))), is_ok=True)
    assert await store.take([main.limits_on(at(60).date())] * 3, at(60)) == [None] * 3
    refused = Circuit(CircuitScope.RELAY, "spare", CircuitCause.POLICY, 2, "554 no", at(50), at(70))
    for scope, name in ((CircuitScope.RELAY, "spare"), (CircuitScope.RELAY, "former"), (CircuitScope.DOMAIN, "g.com")):
        await store.turn_circuit(scope, name, partial(lambda made, _: made, replace(refused, scope=scope, name=name)))
    await store.pause(Pause(PauseScope.RELAY, "third", "", at(1)))
    values = await scraped.values()
    assert [values[f'newsletter_relay_up{{relay="{name}"}}'] for name in ("main", "spare", "third")] == [1, 0, 0]
    assert values['newsletter_relay_circuit_open{cause="policy",relay="spare"}'] == 1
    assert values['newsletter_relay_circuit_open{cause="throttled",relay="spare"}'] == 0
    assert values['newsletter_relay_tokens_left{relay="main",window="minute"}'] == 27
    assert values['newsletter_relay_tokens{relay="main",window="minute"}'] == 30
    assert values['newsletter_relay_tokens_left{relay="main",window="day"}'] == 47
    assert values["newsletter_domains_left_alone"] == 1
    assert not [name for name in values if "former" in name]


async def test_sources_are_told_by_health_and_age(scraped: Scraped) -> None:
    read = SourceState(
        "arxiv", last_checked_at=NOW, last_success_at=NOW, last_new_paper_at=at(-30), health=Health.QUIET
    )
    broken = SourceState("blog", last_checked_at=NOW, failures=4, health=Health.BROKEN, fault=Fault("timeout", "x"))
    gone = SourceState("former", last_checked_at=NOW, last_success_at=NOW, health=Health.QUIET)
    for state in (read, broken, gone):
        await scraped.store.save_collection(state, [], NOW)
    scraped.metrics.configured(["arxiv", "blog", "new"], Fleet(), is_ok=True)
    values = await scraped.values()
    assert values['newsletter_source_success_age_seconds{source="arxiv"}'] == 3600
    assert values['newsletter_source_health{health="quiet",source="arxiv"}'] == 1
    assert values['newsletter_source_health{health="broken",source="arxiv"}'] == 0
    assert values['newsletter_source_health{health="broken",source="blog"}'] == 1
    assert values['newsletter_source_health{health="unchecked",source="new"}'] == 1
    assert values['newsletter_source_failures{source="blog"}'] == 4
    assert not [name for name in values if "former" in name]
    assert not [name for name in values if "age_seconds" in name and "blog" in name]


async def test_what_happens_is_counted(scraped: Scraped) -> None:
    metrics = scraped.metrics
    state = SourceState("arxiv")
    metrics.collected(CollectionReport(state, CollectionCounts(entries=5, new=4)))
    metrics.collected(CollectionReport(state, not_modified=True))
    metrics.collected(CollectionReport(state, asked=False))
    metrics.collected(CollectionReport(SourceState("blog", fault=Fault("timeout", "x"))))
    metrics.issued(IssueReport(planned=10, welcomes=2, quiet=1))
    metrics.delivered(DeliveryCounts(planned=5, accepted=3, rejected=1, bounced=1, postponed=4))
    metrics.bounced(Taken(BounceKind.HARD, "smtp", subscriber_id=1, is_new=True))
    metrics.bounced(Taken(BounceKind.HARD, "smtp", subscriber_id=1, is_new=False))
    metrics.bounced(Taken(BounceKind.SOFT, "lmtp", is_new=True))
    metrics.bounced(Taken(None, "imap"))
    metrics.signed_up(SignupEvent.HELD_BACK)
    values = await scraped.values()
    assert values['newsletter_source_checks_total{result="read",source="arxiv"}'] == 1
    assert values['newsletter_source_checks_total{result="unchanged",source="arxiv"}'] == 1
    assert values['newsletter_source_checks_total{result="timeout",source="blog"}'] == 1
    assert values['newsletter_papers_new_total{source="arxiv"}'] == 4
    assert values['newsletter_issues_planned_total{kind="digest"}'] == 7
    assert values['newsletter_issues_planned_total{kind="welcome"}'] == 2
    assert values['newsletter_bounces_total{kind="hard",source="smtp"}'] == 1
    assert values['newsletter_bounces_total{kind="soft",source="lmtp"}'] == 1
    assert values['newsletter_bounces_total{kind="none",source="imap"}'] == 1
    assert values['newsletter_bounces_unidentified_total{source="lmtp"}'] == 1
    assert values['newsletter_signups_total{event="held_back"}'] == 1
    assert values['newsletter_signups_total{event="asked"}'] == 0
    assert values["newsletter_deliveries_unaccounted_total"] == 1


class Relay:
    """Implements :class:`newsletter.ports.Transport` by a list of outcomes."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        assert all((message, sender, recipient.wire, envelope_id, begin))
        return self.outcomes.pop(0)

    async def aclose(self) -> None:
        self.outcomes.clear()


async def may_begin() -> bool:
    return True


async def test_every_mail_is_measured_by_relay_and_outcome(scraped: Scraped) -> None:
    accepted, lost = Outcome(OutcomeKind.ACCEPTED, 250), Outcome(OutcomeKind.DEFERRED, is_unknown=True)
    transport = scraped.metrics.measured(Relay(accepted, accepted, lost), RELAY)
    before = await scraped.values()
    assert before[f'newsletter_smtp_outcomes_total{{outcome="rejected",relay="{RELAY}"}}'] == 0
    for _ in range(3):
        address = EmailAddress("b@example.org", "b@example.org", "b@example.org")
        await transport.send(b"x", "a@example.org", address, envelope_id="7", begin=may_begin)
    await transport.aclose()
    values = await scraped.values()
    assert values[f'newsletter_smtp_outcomes_total{{outcome="accepted",relay="{RELAY}"}}'] == 2
    assert values[f'newsletter_smtp_outcomes_total{{outcome="unknown",relay="{RELAY}"}}'] == 1
    assert values[f'newsletter_smtp_outcomes_total{{outcome="deferred",relay="{RELAY}"}}'] == 0
    assert values[f'newsletter_smtp_send_duration_seconds_count{{relay="{RELAY}"}}'] == 3


async def test_the_line_and_the_configuration_are_told(scraped: Scraped) -> None:
    values = await scraped.values()
    assert (values["newsletter_line_last_run_ok"], values["newsletter_configuration_ok"]) == (0, 1)
    assert "newsletter_line_last_success_timestamp_seconds" not in values
    scraped.vitals.line_ran(NOW)
    scraped.metrics.configured([], Fleet(), is_ok=False)
    values = await scraped.values()
    assert (values["newsletter_line_last_run_ok"], values["newsletter_configuration_ok"]) == (1, 0)
    assert values["newsletter_line_last_success_timestamp_seconds"] == NOW.timestamp()
    scraped.vitals.line_failed("the disk is full")
    assert (await scraped.values())["newsletter_line_last_run_ok"] == 0


async def test_readers_of_bounces_that_fail_are_told_by_name(scraped: Scraped) -> None:
    assert not [name for name in await scraped.values() if name.startswith("newsletter_bounce_reader_up")]
    scraped.vitals.readers_are(["maildir", "imap"])
    scraped.vitals.reader_failed("imap", "the mailbox cannot be read")
    values = await scraped.values()
    assert values['newsletter_bounce_reader_up{reader="maildir"}'] == 1
    assert values['newsletter_bounce_reader_up{reader="imap"}'] == 0
    scraped.vitals.reader_read("imap")
    assert (await scraped.values())['newsletter_bounce_reader_up{reader="imap"}'] == 1


async def test_webhooks_that_fail_are_told_by_name(scraped: Scraped) -> None:
    scraped.vitals.webhooks = (WebhookStanding("crm", failures=2, waiting=3, failed=1), WebhookStanding("shop"))
    scraped.metrics.posted("crm", is_accepted=False)
    scraped.metrics.posted("shop", is_accepted=True)
    values = await scraped.values()
    assert values['newsletter_webhook_up{webhook="crm"}'] == 0
    assert values['newsletter_webhook_up{webhook="shop"}'] == 1
    assert values['newsletter_webhook_postings{state="waiting",webhook="crm"}'] == 3
    assert values['newsletter_webhook_postings{state="failed",webhook="crm"}'] == 1
    assert values['newsletter_webhook_posts_total{outcome="refused",webhook="crm"}'] == 1
    assert values['newsletter_webhook_posts_total{outcome="accepted",webhook="shop"}'] == 1


async def test_a_store_that_fails_breaks_no_scrape(scraped: Scraped, monkeypatch: pytest.MonkeyPatch) -> None:
    await scraped.values()

    async def busy(*_: object) -> None:
        raise StoreBusyError("locked")

    monkeypatch.setattr(scraped.store, "readings", busy)
    values = await scraped.values()
    assert values["newsletter_store_up"] == 0
    assert "newsletter_papers" not in values
    assert values["newsletter_configuration_ok"] == 1


async def test_a_store_that_hangs_is_not_waited_for(scraped: Scraped, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(scraped.store, "source_states", hang)
    monkeypatch.setattr("newsletter.metrics.READ_TIMEOUT_S", 0.05)
    assert (await scraped.values())["newsletter_store_up"] == 0


async def test_a_scrape_that_is_cut_off_within_the_database_leaves_it_usable(
    scraped: Scraped, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_papers(scraped.store, 20)
    with monkeypatch.context() as cut_off:
        cut_off.setattr("newsletter.metrics.READ_TIMEOUT_S", 0.0001)
        for _ in range(10):
            await scraped.values()
    assert (await scraped.values())["newsletter_papers"] == 20


async def test_scrapes_at_the_same_time_say_the_same(scraped: Scraped) -> None:
    await add_papers(scraped.store, 5)
    for values in await asyncio.gather(*(scraped.values() for _ in range(8))):
        assert values["newsletter_papers"] == 5


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/openmetrics-text; version=1.0.0", "text/plain;version=1.0.0", "garbage;;=,"]
)
async def test_every_client_gets_what_it_reads(scraped: Scraped, accept: str) -> None:
    answer = await scraped.client.get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    assert "newsletter_store_up" in answer.text
    assert answer.text.endswith("# EOF\n") == accept.startswith("application/openmetrics")


async def test_no_figure_of_deliveries_reads_the_table(scraped: Scraped) -> None:
    """It would be read whole every quarter of a minute, for years."""
    asked: list[tuple[str, tuple[object, ...]]] = []
    engine = scraped.store.database.engine

    def note(_: object, __: object, statement: str, parameters: tuple[object, ...], *___: object) -> None:
        asked.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    await add_people(scraped.store, "ada")
    papers = await add_papers(scraped.store, 1)
    await scraped.store.plan([planned(1, digest_of(papers[0]))], {}, NOW)
    asked.clear()
    await scraped.store.readings(NOW, at(60))
    queries = [query for query in asked if "FROM deliveries" in query[0]]
    assert len(queries) > 2
    async with engine.connect() as connection:
        for statement, parameters in queries:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plan = str([str(row) for row in rows])
            assert "SEARCH deliveries USING COVERING INDEX" in plan, (statement, plan)


# --- Who may read them, and who may come ------------------------------------------------------------------------------


async def test_with_a_token_only_who_shows_it_reads_the_figures(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    client = Scraped(store, token="right-token").client
    shown = {"": 401, "Bearer wrong": 401, "Basic right-token": 401, "Bearer rïght": 401, "bearer right-token": 200}
    for authorization, status in shown.items():
        headers = {b"Authorization": authorization.encode()} if authorization else {}
        answer = await client.get("/metrics", headers=headers)
        assert answer.status_code == status, authorization
        assert ("newsletter_papers" in answer.text) == (status == 200)
    assert (await client.get("/metrics")).headers["www-authenticate"].startswith("Bearer")
    await client.aclose()
    await store.aclose()


async def ready(scraped: Scraped) -> tuple[int, list[str]]:
    answer = await scraped.client.get("/readyz")
    told = answer.json()
    assert told["ready"] == (answer.status_code == 200)
    return answer.status_code, told["reasons"]


async def test_ready_is_who_has_run_once_and_does_not_stop(scraped: Scraped) -> None:
    assert await ready(scraped) == (503, ["the first run of the line is not done yet"])
    scraped.vitals.line_ran(NOW)
    assert await ready(scraped) == (200, [])
    scraped.vitals.line_failed("a source")
    assert await ready(scraped) == (200, [])
    scraped.vitals.is_stopping = True
    assert await ready(scraped) == (503, ["it is stopping"])


async def test_not_ready_is_who_has_another_schema(scraped: Scraped) -> None:
    scraped.vitals.line_ran(NOW)
    async with scraped.store.database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    status, (reason,) = await ready(scraped)
    assert status == 503
    assert "newsletter migrate" in reason


async def test_names_follow_the_conventions(scraped: Scraped) -> None:
    scraped.metrics.measured(Relay(), RELAY)
    names = scraped.metrics.names()
    ours = {name for name in names if name.startswith("newsletter_")}
    assert len(ours) > 18
    assert {name for name in names - ours if not name.startswith("process_")} == set()
    assert {name for name in ours if name.endswith(("_total", "_ms", "_minutes", "_count"))} == set()
