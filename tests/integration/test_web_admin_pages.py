"""The admin's pages over a store with weeks behind it: what they show, that looking writes nothing, what forms do."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, update

from newsletter.model import (
    Circuit,
    CircuitCause,
    CircuitScope,
    DeliveryState,
    PauseScope,
    Profile,
    SuppressionKind,
    Topic,
    VoteValue,
)
from newsletter.service.trial import Trials
from newsletter.store.schema import deliveries
from newsletter.wiring.application import open_application
from tests.support.adminsite import OWN, contents, log_in, make_admin_configuration, make_history, token_of, visitor
from tests.support.stored import NOW, arxiv_entry, succeeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from newsletter.wiring.application import Application

PEOPLE = 20
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()
HOSTILE = '</textarea><script>alert(1)</script> {{ 7 * 7 }} "><img src=x>'
PAGES = [
    "/admin",
    "/admin/issues",
    "/admin/issues?days=90",
    f"/admin/issues/{YESTERDAY}",
    "/admin/deliveries",
    "/admin/deliveries?state=rejected&code=5.1",
    "/admin/deliveries/1",
    "/admin/sources",
    "/admin/relays",
    "/admin/bounces",
    "/admin/bounces?kind=hard&days=90",
    "/admin/suppression",
    "/admin/suppression?text=old",
    "/admin/growth",
    "/admin/growth?days=90",
    "/admin/profiles",
    "/admin/profiles/language-models",
]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose store has weeks behind it, to be copied."""
    directory = tmp_path_factory.mktemp("seeded") / "config"
    make_admin_configuration(directory)
    make_history(directory, PEOPLE)
    return directory


@pytest.fixture
async def application(seeded: Path, tmp_path: Path) -> AsyncIterator[Application]:
    shutil.copytree(seeded, tmp_path / "config")
    async with open_application(tmp_path / "config") as opened:
        yield opened


@pytest.fixture
async def client(application: Application) -> AsyncIterator[httpx2.AsyncClient]:
    async with visitor(application) as opened:
        await log_in(opened)
        yield opened


async def send(client: httpx2.AsyncClient, path: str, **fields: Any) -> httpx2.Response:
    return await client.post(path, data={"token": await token_of(client), **fields}, headers=OWN)


async def done(client: httpx2.AsyncClient, path: str, **fields: Any) -> str:
    """Send a form, follow it back, and return what the page says was done."""
    answer = await send(client, path, **fields)
    assert answer.status_code == 303, answer.text
    page = await client.get(answer.headers["location"])
    assert page.status_code == 200
    found = re.search(r'role="status">([^<]+)<', page.text)
    assert found
    return found[1]


async def test_every_page_is_there_and_looking_changes_nothing(
    application: Application, client: httpx2.AsyncClient
) -> None:
    before = contents(application)
    for path in PAGES:
        for method in ("GET", "HEAD"):
            answer = await client.request(method, path)
            assert answer.status_code == 200, path
        page = (await client.get(path)).text
        assert "<script" not in page
        assert "style=" not in page
        assert len(page) < 60_000, path
    assert contents(application) == before


async def test_nothing_is_shown_to_who_is_not_logged_in(application: Application) -> None:
    async with visitor(application) as stranger:
        for path in PAGES:
            answer = await stranger.get(path)
            assert (answer.status_code, answer.content) == (303, b""), path
        before = contents(application)
        for path in ("/admin/pause", "/admin/unpause", "/admin/relays/reset", "/admin/deliveries/1/retry",
                     "/admin/suppression/add", "/admin/suppression/remove", "/admin/profiles/new"):  # fmt: skip
            assert (await stranger.post(path, data={"token": "x"}, headers=OWN)).status_code == 403, path
        assert contents(application) == before


@pytest.mark.parametrize(
    "path",
    [
        "/admin/issues?days=-1",
        "/admin/deliveries?state=x&kind=y&since=never&until=9999-99-99&code=abc&before=-1&domain=%00&profile=%ff",
        "/admin/deliveries?before=99999999999999999999",
        "/admin/bounces?kind=%00",
        "/admin/suppression?after=address:&text=%25",
        "/admin/suppression?after=%E2%82%AC",
        "/admin/growth?days=1e9",
        "/admin/profiles/language-models?page=99999",
        "/admin?done=%3Cscript%3E",
    ],
)
async def test_an_odd_address_is_no_fault_of_ours(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/admin/issues/never", "/admin/issues/1999-01-01", "/admin/deliveries/0", "/admin/deliveries/x",
     "/admin/deliveries/99999999999", "/admin/profiles/nothing", "/admin/nothing"],
)  # fmt: skip
async def test_what_is_not_there_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_the_overview_says_what_is_wrong(application: Application, client: httpx2.AsyncClient) -> None:
    assert "All is well" in (await client.get("/admin")).text
    async with application.store.database.write() as connection:
        await connection.execute(
            delete(deliveries).where(deliveries.c.issue_date == YESTERDAY, deliveries.c.id % 5 == 0)
        )
    page = (await client.get("/admin")).text
    assert "1 thing to look at" in page
    assert f"the sum of the issue of {YESTERDAY} does not close" in page
    assert "does not close" in (await client.get(f"/admin/issues/{YESTERDAY}")).text
    issues = (await client.get("/admin/issues")).text
    assert issues.count('class="wrong"') == 1


async def test_sums_close_and_say_what_became_of_the_mails(
    application: Application, client: httpx2.AsyncClient
) -> None:
    (sums,) = await application.store.issue_sums(YESTERDAY, YESTERDAY)
    page = (await client.get(f"/admin/issues/{YESTERDAY}")).text
    assert f"{sums.planned} planned, {sums[DeliveryState.ACCEPTED]} accepted" in page
    assert "The sum closes." in page
    assert "example.org" in page
    assert "language-models" in page
    listing = (await client.get("/admin/issues")).text
    assert listing.count(">closes<") == 29
    assert "<svg" in listing
    assert "accepted" in re.findall(r"<desc[^>]*>([^<]+)", listing)[0]


async def test_deliveries_are_filtered_as_the_command_line_does(client: httpx2.AsyncClient) -> None:
    async def found(query: str) -> list[str]:
        return re.findall(r'href="/admin/deliveries/(\d+)"', (await client.get(f"/admin/deliveries?{query}")).text)

    assert len(await found("")) == 50
    rejected = await found("state=rejected")
    assert rejected == await found("code=550")
    assert rejected == await found("code=5.1.1&state=rejected")
    assert await found("state=accepted&code=5") == []
    assert len(await found(f"since={YESTERDAY}&until={YESTERDAY}")) == PEOPLE - PEOPLE // 60
    assert len(await found("subscriber=reader1@example.com")) == 30
    assert await found("relay=other") == []
    assert await found("unknown=yes") == []
    assert len(await found(f"domain=example.com&since={YESTERDAY}")) == 7
    for query, said in (("subscriber=nobody@example.org", "nobody has the address"), ("code=abc", "no reply code"),
                        ("subscriber=nonsense", "nonsense")):  # fmt: skip
        page = (await client.get(f"/admin/deliveries?{query}")).text
        assert said in re.findall(r'role="alert">([^<]+)', page)[0]


async def test_older_deliveries_come_page_by_page_each_once(client: httpx2.AsyncClient) -> None:
    path, seen = f"/admin/deliveries?domain=example.com&since={YESTERDAY - timedelta(days=20)}", []
    while path:
        page = (await client.get(path)).text
        seen += re.findall(r'href="/admin/deliveries/(\d+)"', page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) > 100
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen, key=int, reverse=True)


async def state_of(application: Application, number: int) -> DeliveryState:
    return (await application.store.delivery(number)).state


async def any_in(application: Application, state: DeliveryState) -> int:
    return (await application.store.list_deliveries(state=state, limit=1))[0].id


async def test_what_failed_is_tried_again_and_what_arrived_is_not(
    application: Application, client: httpx2.AsyncClient
) -> None:
    rejected, accepted = [await any_in(application, DeliveryState(word)) for word in ("rejected", "accepted")]
    page = (await client.get(f"/admin/deliveries/{rejected}")).text
    assert "5.1.1 no such user" in page
    assert "Try again now" in page
    assert "Try again now" not in (await client.get(f"/admin/deliveries/{accepted}")).text
    assert "due again" in await done(client, f"/admin/deliveries/{rejected}/retry")
    assert await state_of(application, rejected) is DeliveryState.PLANNED
    assert "Nothing is tried again" in await done(client, f"/admin/deliveries/{accepted}/retry")
    assert await state_of(application, accepted) is DeliveryState.ACCEPTED


async def test_what_may_have_arrived_is_tried_again_only_for_who_knows(
    application: Application, client: httpx2.AsyncClient
) -> None:
    number = await any_in(application, DeliveryState.ACCEPTED)
    async with application.store.database.write() as connection:
        await connection.exec_driver_sql("DROP TRIGGER deliveries_moves")
        await connection.execute(update(deliveries).where(deliveries.c.id == number).values(state="unknown"))
    assert "Say that it may arrive twice" in await done(client, f"/admin/deliveries/{number}/retry")
    assert await state_of(application, number) is DeliveryState.UNKNOWN
    assert "due again" in await done(client, f"/admin/deliveries/{number}/retry", twice="yes")
    assert await state_of(application, number) is DeliveryState.PLANNED


@pytest.mark.parametrize(
    ("scope", "name", "back"),
    [("all", "", "/admin"), ("relay", "catcher", "/admin/relays"), ("profile", "trending", "/admin/profiles/trending")],
)
async def test_mail_is_stopped_and_goes_on(
    application: Application, client: httpx2.AsyncClient, scope: str, name: str, back: str
) -> None:
    assert "It is paused" in await done(client, "/admin/pause", scope=scope, name=name, back=back, reason=HOSTILE)
    (pause,) = await application.store.pauses()
    assert (pause.scope, pause.name) == (PauseScope(scope), name)
    for path in ("/admin", back):
        assert "go on</button>" in (await client.get(path)).text
    assert "<script" not in (await client.get("/admin")).text
    assert "It goes on" in await done(client, "/admin/unpause", scope=scope, name=name, back=back)
    assert await application.store.pauses() == []
    assert "It was not paused" in await done(
        client, "/admin/unpause", scope=scope, name=name, back="https://evil.example"
    )


async def test_nothing_that_is_not_configured_is_paused(application: Application, client: httpx2.AsyncClient) -> None:
    for scope, name in (("relay", "nothing"), ("profile", "nothing"), ("all", "x"), ("x", "")):
        assert (await send(client, "/admin/pause", scope=scope, name=name)).status_code == 400
    assert await application.store.pauses() == []


async def test_a_relay_that_is_left_alone_gets_another_chance(
    application: Application, client: httpx2.AsyncClient
) -> None:
    now = application.now()
    circuit = Circuit(CircuitScope.RELAY, "catcher", CircuitCause.POLICY, 3, "550 <no>", now, now + timedelta(hours=1))
    domain = replace(circuit, scope=CircuitScope.DOMAIN, name="gmail.com")
    for each in (circuit, domain):
        await application.store.turn_circuit(each.scope, each.name, lambda _, each=each: each)  # type: ignore[misc]
    page = (await client.get("/admin/relays")).text
    assert "550 &lt;no&gt;" in page
    assert "refuses our mail" in (await client.get("/admin")).text
    for scope, name in (("relay", "catcher"), ("domain", "gmail.com")):
        assert f"Give {name} mail again" in page
        assert "given mail again" in await done(client, "/admin/relays/reset", scope=scope, name=name)
    assert await application.store.circuits() == []
    assert "was not left alone" in await done(client, "/admin/relays/reset", scope="relay", name="catcher")


async def test_addresses_and_domains_are_suppressed_and_let_go(
    application: Application, client: httpx2.AsyncClient
) -> None:
    key = SuppressionKind.ADDRESS, "new@example.org"
    said = await done(client, "/admin/suppression/add", value="New@Example.org", days="30", detail=f" {HOSTILE}\n ")
    assert "Nobody writes there" in said
    found = (await application.store.find_suppressions([key]))[key]
    assert found.expires_at is not None
    assert found.expires_at - application.now() > timedelta(days=29)
    assert (found.source, found.detail) == ("admin-page", HOSTILE)
    page = (await client.get("/admin/suppression?text=new@")).text
    assert "new@example.org" in page
    assert "old@example.org" not in page
    assert "<script" not in page
    assert "Mail goes on" in await done(client, "/admin/suppression/remove", kind="address", value=key[1])
    assert await application.store.find_suppressions([key]) == {}
    before = await application.store.list_suppressions()
    assert "neither" in await done(client, "/admin/suppression/add", value="not an address")
    assert "was not suppressed" in await done(client, "/admin/suppression/remove", kind="address", value="x@y.example")
    assert await application.store.list_suppressions() == before


async def test_sources_growth_and_bounces_show_days_gone_by(
    application: Application, client: httpx2.AsyncClient
) -> None:
    sources = (await client.get("/admin/sources")).text
    assert "samples: 2 of 30 days with trouble" in sources
    assert sources.count('class="cell-broken"') == 3  # two days, and what the colour means
    assert "8 fresh" in sources
    growth = (await client.get("/admin/growth")).text
    days = await application.store.growth(YESTERDAY - timedelta(days=28), YESTERDAY + timedelta(days=1))
    readers, left = days[-1].readers, sum(each.left for each in days)
    assert f"{readers} readers today. In 30 days 20 subscribed, 20 became readers, {left} left." in growth
    bounces = (await client.get("/admin/bounces")).text
    assert "hard 4 in all" in bounces
    assert "&lt;nobody@example.org&gt;" in bounces
    assert (await client.get("/admin/bounces?kind=hard")).text.count('class="subject"') == 4


# --- Profiles ---------------------------------------------------------------------------------------------------------


async def test_a_profile_tells_what_it_sent_and_how_often_it_was_answered(
    application: Application, client: httpx2.AsyncClient
) -> None:
    store = application.store
    (paper,) = [each async for each in store.all_papers()]
    async with store.database.write() as connection:
        for number in (1, 4):
            delivery = await connection.exec_driver_sql(
                f"SELECT max(id) FROM deliveries WHERE subscriber_id = {number} AND state = 'accepted'"
            )
            await connection.exec_driver_sql(
                f"INSERT INTO ledger VALUES ({number}, {paper.id}, {delivery.scalar_one()})"
            )
    await store.cast_vote(1, paper.id, VoteValue.GOOD, NOW)
    await store.cast_vote(4, paper.id, VoteValue.NOT_FOR_ME, NOW)
    await store.save_paper(4, paper.id, NOW)
    await store.cast_vote(2, paper.id, VoteValue.GOOD, NOW)  # it came by no mail
    (voices,) = await store.profile_voices(YESTERDAY)
    assert (voices.profile, voices.mails, voices.good, voices.not_for_me, voices.saved) == (
        "reinforcement-learning", 2, 1, 1, 1,
    )  # fmt: skip
    page = (await client.get("/admin/profiles")).text
    row = re.findall(r"<td[^>]*>([^<]+)</td>", page[page.index(">Reinforcement learning<") :])[:7]
    assert [row[0], *row[4:7]] == ["7", "1", "1", "1"]
    assert row[3].startswith("2 (")
    alone = (await client.get("/admin/profiles/reinforcement-learning")).text
    assert "2 of its mails were answered: 1 times good, 1 times not for me, 1 papers saved" in alone


async def test_clicks_are_shown_where_they_are_counted(application: Application, client: httpx2.AsyncClient) -> None:
    for path in ("/admin/profiles", "/admin/profiles/trending"):
        assert "clicks" not in (await client.get(path)).text
    settings = application.configuration.settings
    web = settings.web.model_copy(update={"count_clicks": True})
    counting = settings.model_copy(update={"web": web})
    application.configuration = replace(application.configuration, settings=counting)
    assert ">clicks<" in (await client.get("/admin/profiles")).text
    assert "0 papers saved, 0 clicks." in (await client.get("/admin/profiles/trending")).text


async def test_the_file_is_shown_as_it_is(application: Application, client: httpx2.AsyncClient) -> None:
    path = application.configuration.directory / "profiles" / "trending.yaml"
    text = f"name: trending\ntitle: Trending\ndescription: |\n  {HOSTILE}\nkeywords: [language]\n"
    path.write_text(text)
    path.rename(path.with_name("another-name.yaml"))
    page = (await client.get("/admin/profiles/trending")).text
    assert ">another-name.yaml<" in page
    assert '<li value="4">  &lt;/textarea&gt;&lt;script&gt;' in page
    assert "<script" not in page
    assert "{{ 7 * 7 }}" in page


async def draft(client: httpx2.AsyncClient, which: str, text: str, **fields: str) -> httpx2.Response:
    files = {key: (None, value) for key, value in {"token": await token_of(client), "draft": text, **fields}.items()}
    return await client.post(f"/admin/profiles/{which}", files=files, headers=OWN)


async def test_a_draft_that_is_wrong_says_where(client: httpx2.AsyncClient) -> None:
    answer = await draft(client, "trending", 'title: "Half\r\nkeywrds: [a]\r\n')
    assert answer.status_code == 422
    wrong = "title: A\r\nkeywrds: [a]\r\nquery: (a AND\r\nmaximum_papers: many\r\nsources: [arxif]\r\n"
    answer = await draft(client, "trending", wrong)
    assert answer.status_code == 422
    said = re.findall(r'<li><a href="#L(\d+)">([\d:]+)</a> ([^<]+)</li>', answer.text)
    assert [place for _, place, _ in said][:3] == ["2:1", "3:11", "4:17"]
    assert "keywords" in said[0][2]  # did you mean
    assert 'id="L2" class="marked"' in answer.text
    assert "is taken" in (await draft(client, "trending", "name: language-models\nkeywords: [a]\n")).text
    assert (await draft(client, "trending", "x" * 41_000)).status_code == 413
    assert (await draft(client, "new", "keywords: [a]\n", name="../etc/passwd")).status_code == 400


async def test_a_draft_shows_what_it_gains_and_loses_and_writes_nothing(
    application: Application, client: httpx2.AsyncClient
) -> None:
    now = application.now()
    entries = [
        arxiv_entry(number, title=title, abstract="-", published_at=now)
        for number, title in enumerate(["About cats", "About dogs", "Cats and dogs", "About <b>birds</b>"], start=11)
    ]
    await application.store.save_collection(succeeded("samples"), [arxiv_entry(99, title="First", abstract="-")], now)
    await application.store.save_collection(succeeded("samples"), entries, now)
    in_force = cats(application, "trending")
    application.configuration = replace(application.configuration, profiles=(in_force,))
    files = {path: path.read_bytes() for path in application.configuration.directory.rglob("*.yaml")}
    before = contents(application)
    answer = await draft(client, "trending", "title: Dogs\nkeywords: [dogs, '\"birds\"']\n")
    assert answer.status_code == 200
    assert "it would have sent 3; the one in force 2." in answer.text
    gained, _, lost = answer.text.partition("Lost: 1")
    assert "Gained: 2" in gained
    assert "About dogs" in gained
    assert "About &lt;b&gt;birds&lt;/b&gt;" in gained
    assert "About cats" in lost
    assert "Cats and dogs" not in lost.partition("The draft")[0]
    capped = await draft(client, "trending", "keywords: [cats, dogs, birds]\nmaximum_papers: 1\n")
    assert "it would have sent 1; the one in force 2." in capped.text
    new = await draft(client, "new", "keywords: [cats]\n", name="felines")
    assert "felines, which is new" in new.text
    assert "It would have sent: 2" in new.text
    assert contents(application) == before
    assert {path: path.read_bytes() for path in application.configuration.directory.rglob("*.yaml")} == files


def cats(application: Application, name: str) -> Profile:
    """Return a profile that takes what has cats in its title."""
    topic = Topic("Cats", query="ti:cats")
    usual = application.profiles["language-models"]
    return replace(usual, name=name, topics=(topic,), categories=(), exclude=())


async def test_only_the_last_thirty_days_are_tried(application: Application) -> None:
    now = application.now()
    await application.store.save_collection(succeeded(), [arxiv_entry(9, title="First")], now - timedelta(days=90))
    for number, days in enumerate((0, 29, 31), start=11):
        at = now - timedelta(days=days)
        await application.store.save_collection(succeeded(), [arxiv_entry(number, title="Cats")], at)
    found, papers = await Trials(application.store).compare(None, cats(application, "cats"), now)
    assert papers == 2
    assert found.counts()[1][0] == found.counts()[1][-1] == 1
    assert len(found.days) == 30
