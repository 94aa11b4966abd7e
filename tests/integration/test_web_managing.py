"""What readers do about themselves, by the links in their mails: choose, pause, leave and come back, see, erase."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import httpx2
import pytest

from newsletter.core.links import UNDO_FOR, Links
from newsletter.model import (
    Frequency,
    IssueKind,
    Keyword,
    Origin,
    Profile,
    Subscriber,
    SubscriberStatus,
    SuppressionKind,
    Weekday,
)
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from newsletter.web.unsubscribe import Readers
from tests.support.deliveries import make_store
from tests.support.samples import make_consent, make_draft

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from newsletter.store.sql import SqlStore

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LINKS = Links("a secret of some length", "https://news.example")
PROFILES = {
    "vision": Profile("vision", "Seeing <machines>", "What is in pictures."),
    "language": Profile("language", "Language models"),
    "house": Profile("house", "Only for us", public=False),
}
GOOD = {
    "profile": ["vision", "language"],
    "keywords": 'protein folding\r\n\r\ntitle:"RAG"^2\r\n',
    "frequency": "weekly",
    "weekday": "friday",
    "send_at": "18:45",
    "zone": "Asia/Tokyo",
    "language": "de",
}  # fmt: skip


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(store: SqlStore, clock: Clock) -> AsyncIterator[httpx2.AsyncClient]:
    async def figures(_: str) -> tuple[bytes, str]:
        return b"", "text/plain"

    probes = Probes(lambda: {"ok": True}, list, store.check_schema, figures)
    app = create_app(
        store,
        LINKS,
        "The Preprint",
        clock,
        None,
        probes,
        readers=Readers(lambda: PROFILES, "news.example", says_goodbye=True),
    )
    transport = httpx2.ASGITransport(app, raise_app_exceptions=True)
    async with httpx2.AsyncClient(transport=transport, base_url=LINKS.base_url) as client:
        yield client


@pytest.fixture
async def ada(store: SqlStore) -> Subscriber:
    draft = make_draft("ada@example.org", profiles=("vision",), keywords=(Keyword("folding"),))
    return await store.add_subscriber(draft, make_consent(), Origin.STORE, NOW)


def manage(subscriber: Subscriber) -> str:
    return LINKS.manage_url(subscriber.id).removeprefix(LINKS.base_url)


def leave(subscriber: Subscriber) -> str:
    return LINKS.unsubscribe_url(subscriber.id).removeprefix(LINKS.base_url)


# --- Choosing ---------------------------------------------------------------------------------------------------------


async def test_the_page_shows_what_was_chosen(client: httpx2.AsyncClient, ada: Subscriber) -> None:
    answer = await client.get(manage(ada))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert 'value="vision" checked' in answer.text
    assert "Seeing &lt;machines&gt;" in answer.text
    assert 'value="language">' in answer.text
    assert "Only for us" not in answer.text
    assert ">\nfolding</textarea>" in answer.text
    assert 'value="07:00"' in answer.text
    assert "<script" not in answer.text


async def test_what_is_chosen_is_kept_and_told(client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber) -> None:
    await client.post(manage(ada), data=GOOD)
    answer = await client.post(manage(ada), data=GOOD)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{manage(ada)}?done=saved")
    kept = await store.subscriber(ada.id)
    assert (kept.profiles, kept.keywords) == (
        ("vision", "language"),
        (Keyword("protein folding"), Keyword('"RAG"', 2.0, kept.keywords[1].field)),
    )
    assert kept.keywords[1].field == "title"
    assert (kept.frequency, kept.weekday, kept.send_at_local) == (Frequency.WEEKLY, Weekday.FRIDAY, time(18, 45))
    assert (kept.zone, kept.language, kept.status) == ("Asia/Tokyo", "de", SubscriberStatus.ACTIVE)
    page = await client.get(answer.headers["location"])
    assert 'role="status"' in page.text
    assert 'lang="de"' in page.text  # they chose German, and are answered so


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("zone", "Mars/Olympus", "is not a time zone"),
        ("send_at", "25:00", "25:00"),
        ("frequency", "hourly", "is not a frequency"),
        ("weekday", "caturday", "is not a day of the week"),
        ("language", "not a language", "language"),
        ("keywords", "fine\n***\nfine", "Line 2: "),
        ("keywords", "x" * 300, "Line 1: "),
        ("keywords", "\n".join(f"word{number}" for number in range(60)), "up to 50"),
        ("profile", ["house"], "not offered"),
        ("profile", ["no such"], "not offered"),
    ],
)
async def test_a_mistake_is_told_at_its_field_and_nothing_is_kept(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber, field: str, value: str | list[str], said: str
) -> None:
    answer = await client.post(manage(ada), data=GOOD | {field: value})
    assert answer.status_code == 422
    name = "profiles" if field == "profile" else field
    found = re.search(rf'<p class="problem" id="{name}-problem">(.*?)</p>', answer.text, re.DOTALL)
    assert found is not None
    assert said in found[1]
    assert answer.text.count('aria-invalid="true"') == 1
    assert 'value="18:45"' in answer.text or field == "send_at"  # what was typed is not lost
    assert await store.subscriber(ada.id) == ada


async def test_nothing_at_all_is_not_a_choice(client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber) -> None:
    answer = await client.post(manage(ada), data=GOOD | {"profile": [], "keywords": " \n"})
    assert (answer.status_code, "Tick a topic" in answer.text) == (422, True)
    assert (await client.post(manage(ada))).status_code == 422
    assert await store.subscriber(ada.id) == ada


async def test_a_private_profile_that_somebody_has_stays_theirs(client: httpx2.AsyncClient, store: SqlStore) -> None:
    draft = make_draft("eve@example.org", profiles=("house", "gone"))
    eve = await store.add_subscriber(draft, make_consent(), Origin.STORE, NOW)
    page = (await client.get(manage(eve))).text
    assert "Only for us" in page
    assert "brings nothing at present" in page
    answer = await client.post(manage(eve), data=GOOD | {"profile": ["house", "gone", "vision"]})
    assert answer.status_code == 303
    assert (await store.subscriber(eve.id)).profiles == ("house", "gone", "vision")


# --- A break ----------------------------------------------------------------------------------------------------------


async def test_a_pause_lasts_until_its_day(client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber) -> None:
    answer = await client.post(f"{manage(ada)}/pause", data={"until": "2026-03-20"})
    assert answer.headers["location"].endswith("?done=paused")
    paused = await store.subscriber(ada.id)
    assert (paused.status, paused.paused_until) == (SubscriberStatus.PAUSED, date(2026, 3, 20))
    assert [each.id for each in await store.ended_pauses(date(2026, 3, 20))] == [ada.id]
    assert "Paused until 20 Mar 2026" in (await client.get(manage(ada))).text
    await client.post(f"{manage(ada)}/resume", data={"resume": "yes"})
    assert (await store.subscriber(ada.id)).status is SubscriberStatus.ACTIVE


@pytest.mark.parametrize("until", ["", "tomorrow", "2026-03-02", "2020-01-01", "2099-01-01"])
async def test_a_day_that_is_none_to_wait_for_is_told(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber, until: str
) -> None:
    answer = await client.post(f"{manage(ada)}/pause", data={"until": until})
    assert (answer.status_code, 'id="until-problem"' in answer.text) == (422, True)
    assert await store.subscriber(ada.id) == ada


@pytest.mark.parametrize("status", ["unsubscribed", "suppressed", "bounced", "pending"])
async def test_only_who_gets_mail_pauses_or_resumes(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber, status: str
) -> None:
    await store.set_status(ada.id, SubscriberStatus(status), "earlier", NOW)
    await client.post(f"{manage(ada)}/pause", data={"until": "2026-03-20"})
    await client.post(f"{manage(ada)}/resume", data={"resume": "yes"})
    await client.post(leave(ada), data={"pause": "week"})
    assert (await store.subscriber(ada.id)).status == status


# --- Those of profile files -------------------------------------------------------------------------------------------


async def test_whoever_is_kept_in_a_file_may_pause_and_leave(client: httpx2.AsyncClient, store: SqlStore) -> None:
    await store.sync_file_subscribers([make_draft("bob@example.org", profiles=("vision", "language"))], NOW)
    bob = await store.find_subscriber("bob@example.org")
    page = (await client.get(manage(bob))).text
    assert "kept by whoever runs this newsletter" in page
    assert 'name="profile"' not in page
    assert (await client.post(manage(bob), data=GOOD)).status_code == 409
    assert 'name="less"' not in (await client.get(leave(bob))).text
    for form in ({"less": "weekly"}, {"drop": "vision"}):
        assert (await client.post(leave(bob), data=form)).status_code == 400
    assert await store.subscriber(bob.id) == bob
    assert (await client.post(f"{manage(bob)}/pause", data={"until": "2026-03-20"})).status_code == 303
    assert (await client.post(leave(bob), data={"leave": "yes"})).status_code == 200
    await store.sync_file_subscribers([make_draft("bob@example.org", profiles=("vision",))], NOW)
    assert (await store.subscriber(bob.id)).status is SubscriberStatus.UNSUBSCRIBED


# --- Leaving, less, and back ------------------------------------------------------------------------------------------


async def test_less_than_leaving_is_offered_and_done(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber
) -> None:
    page = (await client.get(leave(ada))).text
    assert re.findall(r'name="(\w+)" value="(\w+)"', page) == [
        ("leave", "yes"),
        ("less", "weekdays"),
        ("less", "weekly"),
        ("drop", "vision"),
        ("drop_keywords", "yes"),
        ("pause", "week"),
        ("pause", "month"),
    ]
    for _ in range(2):
        assert (await client.post(leave(ada), data={"less": "weekdays"})).status_code == 200
        assert (await store.subscriber(ada.id)).frequency is Frequency.WEEKDAYS
    await client.post(leave(ada), data={"less": "weekly"})
    await client.post(leave(ada), data={"less": "weekdays"})  # an old page: that would be more
    assert (await store.subscriber(ada.id)).frequency is Frequency.WEEKLY
    answer = await client.post(leave(ada), data={"pause": "week"})
    assert "Paused until 9 Mar 2026" in answer.text
    assert (await client.post(leave(ada), data={"less": "daily"})).status_code == 400


async def test_one_profile_is_left_and_the_last_one_is_leaving(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber
) -> None:
    await client.post(leave(ada), data={"drop_keywords": "yes"})
    kept = await store.subscriber(ada.id)
    assert (kept.profiles, kept.keywords, kept.status) == (("vision",), (), SubscriberStatus.ACTIVE)
    assert 'name="drop"' not in (await client.get(leave(ada))).text
    answer = await client.post(leave(ada), data={"drop": "vision"})
    assert "You are unsubscribed" in answer.text
    left = await store.subscriber(ada.id)
    assert (left.status, left.profiles) == (SubscriberStatus.UNSUBSCRIBED, ("vision",))


def undo_address(page: str) -> str:
    found = re.search(r'<form method="post" action="(/undo/[^"]+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("body", ["List-Unsubscribe=One-Click", "leave=yes"])
async def test_leaving_is_taken_back_from_the_page_or_the_mail(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber, clock: Clock, body: str
) -> None:
    await store.set_status(ada.id, SubscriberStatus.PAUSED, "on holiday", NOW, date(2026, 4, 1))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post(leave(ada), content=body, headers=form)).status_code == 200
    clock.now += timedelta(days=13)
    undo = undo_address((await client.get(leave(ada))).text)  # whoever left by one click saw no page
    assert (await client.get(undo)).status_code == 200
    assert (await store.subscriber(ada.id)).status is SubscriberStatus.UNSUBSCRIBED
    assert (await client.post(undo)).status_code == 400
    for _ in range(2):
        assert "Welcome back" in (await client.post(undo, data={"undo": "yes"})).text
    back = await store.subscriber(ada.id)
    assert (back.status, back.status_reason, back.paused_until) == (
        SubscriberStatus.PAUSED, "on holiday", date(2026, 4, 1)
    )  # fmt: skip


async def test_it_is_too_late_after_two_weeks(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber, clock: Clock
) -> None:
    undo = undo_address((await client.post(leave(ada), data={"leave": "yes"})).text)
    clock.now += UNDO_FOR + timedelta(seconds=1)
    assert (await client.post(undo, data={"undo": "yes"})).status_code == 404
    assert "/undo/" not in (await client.get(leave(ada))).text
    assert (await store.subscriber(ada.id)).status is SubscriberStatus.UNSUBSCRIBED


async def test_an_old_undo_does_not_undo_a_later_leaving(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber, clock: Clock
) -> None:
    undo = undo_address((await client.post(leave(ada), data={"leave": "yes"})).text)
    await client.post(undo, data={"undo": "yes"})
    clock.now += timedelta(hours=1)
    await client.post(leave(ada), data={"leave": "yes"})
    assert "cannot be undone" in (await client.post(undo, data={"undo": "yes"})).text
    assert (await store.subscriber(ada.id)).status is SubscriberStatus.UNSUBSCRIBED


# --- What is stored ---------------------------------------------------------------------------------------------------


async def test_everything_is_handed_over(client: httpx2.AsyncClient, ada: Subscriber) -> None:
    answer = await client.get(f"{manage(ada)}/export")
    assert answer.headers["content-disposition"].startswith("attachment")
    document = json.loads(answer.text)
    assert document["subscribers"][0]["address"] == "ada@example.org"
    assert document["consents"][0]["proof"] == "a test"
    assert {"deliveries", "attempts", "ledger", "bounces", "suppressions", "votes", "saved_papers"} <= set(document)


async def test_erasing_asks_first_and_is_final(client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber) -> None:
    page = await client.get(f"{manage(ada)}/erase")
    assert "Yes, erase everything about me" in page.text
    assert (await client.post(f"{manage(ada)}/erase")).status_code == 422
    assert await store.subscriber(ada.id) == ada
    for _ in range(2):
        answer = await client.post(f"{manage(ada)}/erase", data={"erase": "yes"})
        assert (answer.status_code, "You are erased" in answer.text) == (200, True)
    (left,) = await store.list_suppressions()
    assert (left.kind, "ada" in repr(left)) == (SuppressionKind.HASH, False)
    assert (await client.get(manage(ada))).status_code == 404
    assert (await client.get(f"{manage(ada)}/export")).status_code == 404
    assert "You are unsubscribed" in (await client.get(leave(ada))).text
    assert "You are unsubscribed" in (await client.post(leave(ada), data={"less": "weekly"})).text


async def test_search_engines_are_kept_away(client: httpx2.AsyncClient, ada: Subscriber) -> None:
    robots = (await client.get("/robots.txt")).text
    assert "Disallow: /\n" in robots  # without the reader's pages: all of it
    page = (await client.get(manage(ada))).text
    assert '<meta name="robots" content="noindex">' in page
    assert "canonical" not in page


# --- Another address --------------------------------------------------------------------------------------------------


async def asked(store: SqlStore) -> dict[str, str]:
    """Return the paths of the links in the mails that wait, by the address that they go to."""
    claimed = await store.claim("worker", 10, timedelta(minutes=5), NOW)
    found = {}
    for each in claimed:
        assert each.delivery.reference is not None
        url = LINKS.address_change_url(each.delivery.reference, NOW)
        found[each.subscriber.address.text] = url.removeprefix(LINKS.base_url)
    return found


@pytest.mark.parametrize("first", ["ada@example.org", "new@example.org"])
async def test_mail_moves_when_both_addresses_have_agreed(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber, first: str
) -> None:
    answer = await client.post(f"{manage(ada)}/address", data={"address": "new@example.org"})
    assert answer.headers["location"].endswith("?done=asked")
    links = await asked(store)
    assert set(links) == {"ada@example.org", "new@example.org"}
    (second,) = set(links) - {first}
    for _ in range(2):
        page = (await client.get(links[first])).text
        assert "new@example.org" not in page
        assert "Do you agree?" in page
        assert "Thank you" in (await client.post(links[first], data={"agree": "yes"})).text
    assert await store.subscriber(ada.id) == ada
    for _ in range(2):
        assert "is changed" in (await client.post(links[second], data={"agree": "yes"})).text
    moved = await store.subscriber(ada.id)
    assert (moved.address.text, moved.profiles, moved.status) == ("new@example.org", ada.profiles, ada.status)
    assert "is changed" in (await client.post(links[first], data={"agree": "no"})).text  # too late for that
    assert (await store.subscriber(ada.id)).address.text == "new@example.org"


async def test_nobody_learns_whether_the_new_address_is_known(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber
) -> None:
    await store.add_subscriber(make_draft("eve@example.org"), make_consent(), Origin.STORE, NOW)
    answers = []
    for address in ("eve@example.org", "nobody@example.org"):
        answer = await client.post(f"{manage(ada)}/address", data={"address": address})
        links = await asked(store)
        assert set(links) == {"ada@example.org", address}
        said = [answer.headers["location"]]
        said += [(await client.get(link)).text for link in links.values()]
        said.append((await client.post(links["ada@example.org"], data={"agree": "yes"})).text)
        answers.append([text.replace(address, "") for text in said])
        if address == "eve@example.org":  # and not even when eve agrees to it
            assert "Thank you" in (await client.post(links[address], data={"agree": "yes"})).text
    assert answers[0] == answers[1]
    assert (await store.subscriber(ada.id)).address == ada.address


async def test_one_refusal_is_enough(client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber) -> None:
    await client.post(f"{manage(ada)}/address", data={"address": "new@example.org"})
    links = await asked(store)
    await client.post(links["new@example.org"], data={"agree": "yes"})
    assert "Nothing changes" in (await client.post(links["ada@example.org"], data={"agree": "no"})).text
    assert "Nothing changes" in (await client.post(links["ada@example.org"], data={"agree": "yes"})).text
    assert "Nothing changes" in (await client.get(links["new@example.org"])).text
    assert (await client.post(links["new@example.org"])).status_code == 400
    assert await store.subscriber(ada.id) == ada


async def test_links_of_a_change_end(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber, clock: Clock
) -> None:
    await client.post(f"{manage(ada)}/address", data={"address": "new@example.org"})
    links = await asked(store)
    await client.post(f"{manage(ada)}/address", data={"address": "newer@example.org"})
    for link in links.values():  # of what was asked for before
        assert (await client.post(link, data={"agree": "yes"})).status_code == 404
    later = await asked(store)
    clock.now += LINKS.confirm_within + timedelta(seconds=1)
    for link in later.values():
        assert (await client.post(link, data={"agree": "yes"})).status_code == 404
    assert await store.subscriber(ada.id) == ada


@pytest.mark.parametrize("address", ["", "no address", "a@b", "two@example.org, three@example.org", "x" * 300])
async def test_what_is_no_address_is_told(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber, address: str
) -> None:
    answer = await client.post(f"{manage(ada)}/address", data={"address": address})
    assert (answer.status_code, 'id="address-problem"' in answer.text) == (422, True)
    assert await asked(store) == {}


async def test_a_fourth_wish_in_a_day_sends_nothing_and_looks_the_same(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber
) -> None:
    for number in range(5):
        answer = await client.post(f"{manage(ada)}/address", data={"address": f"new{number}@example.org"})
        assert answer.headers["location"].endswith("?done=asked")
        assert len(await asked(store)) == (2 if number < 3 else 0)


async def test_whoever_leaves_is_told_by_a_last_mail(
    client: httpx2.AsyncClient, store: SqlStore, ada: Subscriber
) -> None:
    for _ in range(2):
        await client.post(leave(ada), data={"leave": "yes"})
    (claimed,) = await store.claim("worker", 10, timedelta(minutes=5), NOW)
    assert claimed.delivery.kind is IssueKind.GOODBYE
    assert claimed.delivery.message_id.endswith("@news.example>")
    assert "Come back" in (await client.get(manage(ada))).text  # which that mail links to
