"""Subscribing over a real store: one answer for everybody, two buttons behind the link, and nothing by GET."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from newsletter.core.work import is_solved, solve
from newsletter.model import Frequency, IssueKind, Origin, SubscriberStatus, Suppression, SuppressionKind
from newsletter.model import SuppressionReason as Reason
from newsletter.service.challenges import MOST_USED, Challenges
from newsletter.service.throttle import MOST_NETWORKS, Throttle
from newsletter.settings.signupmodels import SignupSettings
from tests.support.deliveries import make_store
from tests.support.signing_up import BITS, LINKS, Clock, Site, path_of, post
from tests.support.stored import CONSENT, add_papers, draft

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from newsletter.model import Subscriber
    from newsletter.store.sql import SqlStore

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
KEY = "reader@example.org"
ANSWER = 0.25


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


@pytest.fixture
def site(store: SqlStore) -> Site:
    return Site(store, Clock(NOW))


async def reader(store: SqlStore) -> Subscriber:
    return await store.find_subscriber(KEY)


def assert_sent(response: httpx2.Response) -> None:
    assert (response.status_code, response.headers["location"]) == (303, "/subscribe/sent")


async def test_from_the_form_to_the_subscription(site: Site, store: SqlStore) -> None:
    visitor = site.visitor()
    assert_sent(await visitor.subscribe(KEY, keywords="title:diffus*\nprotein folding^2; graph*"))
    who = await reader(store)
    assert (who.status, who.frequency, who.zone, who.language) == (
        *(SubscriberStatus.PENDING, Frequency.WEEKDAYS, "Europe/Berlin", "de"),
    )
    assert [keyword.text for keyword in who.keywords] == ["diffus*", "protein folding", "graph*"]
    (link,) = await site.links()
    page = await visitor.client.get(link)
    assert page.status_code == 200
    assert page.text.count('<form method="post"') == 2
    assert (await reader(store)).status is SubscriberStatus.PENDING, "a GET changes nothing"
    assert site.calls == ["asked"]
    done = await visitor.client.post(link, data={"answer": "yes"})
    assert (done.status_code, (await reader(store)).status) == (200, SubscriberStatus.ACTIVE)
    assert site.calls == ["asked", "confirmed"], "the worker and the line were woken at once"
    again = await visitor.client.post(link, data={"answer": "yes"})
    assert (again.status_code, again.text) == (200, done.text)
    assert site.calls == ["asked", "confirmed"]
    assert site.events == {"asked": 1, "confirmed": 1}, "each once, for the figures"


async def test_consent_is_kept_as_it_was_shown(site: Site, store: SqlStore) -> None:
    visitor = site.visitor("198.51.100.7")
    shown = (await visitor.client.get("/subscribe?lang=de")).text
    await visitor.client.post("/subscribe?lang=de", data=await visitor.fill_in(KEY))
    site.clock.pass_by(minutes=5)
    (link,) = await site.links()
    await site.visitor("203.0.113.9").client.post(link, data={"answer": "yes"})
    consent = (await reader(store)).consent
    (said,) = re.findall("“(.+)” \\(SHA-256 [0-9a-f]{16}\\)", consent.proof)
    assert said.replace("<", "&lt;").replace(">", "&gt;") in shown
    asked, confirmed = (LINKS.network_hash(network) for network in ("198.51.100.0/24", "203.0.113.0/24"))
    assert consent.proof.startswith(f"asked 2026-01-05 09:00:00 UTC from network {asked}; the page said: ")
    assert consent.proof.endswith(f"\nconfirmed 2026-01-05 09:05:00 UTC from network {confirmed}")
    assert "198.51" not in consent.proof, "no address, and none that a list of all networks would tell without our key"


async def prepared(store: SqlStore, kind: str) -> None:
    """Let the address be known as ``kind`` says."""
    if kind == "new":
        return
    if kind == "suppressed":
        await store.suppress([Suppression(SuppressionKind.ADDRESS, KEY, Reason.COMPLAINT, "", "x", NOW)])
        return
    who = await store.add_subscriber(draft("reader"), CONSENT, Origin.STORE, NOW)
    await store.set_status(who.id, SubscriberStatus(kind), "", NOW)


KINDS = ("new", "pending", "active", "paused", "unsubscribed", "bounced", "suppressed")


async def test_everybody_gets_the_same_answer_after_the_same_time(tmp_path: Path) -> None:
    answers, times = set(), []
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        store = make_store(tmp_path / kind)
        site = Site(store, Clock(NOW))
        await prepared(store, kind)
        visitor = site.visitor()
        form = await visitor.fill_in(KEY)
        began = perf_counter()
        response = await visitor.client.post("/subscribe", data=form)
        times.append(perf_counter() - began)
        assert_sent(response)
        headers = tuple(sorted((name, value) for name, value in response.headers.items() if name != "content-length"))
        answers.add((response.status_code, response.text, headers))
        await store.aclose()
    assert len(answers) == 1
    assert min(times) >= ANSWER, times
    assert max(times) - median(times) < 0.5, "what differs is done within the time that all take"


async def test_what_is_done_differs(tmp_path: Path) -> None:
    done, counted = {}, {}
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        store = make_store(tmp_path / kind)
        site = Site(store, Clock(NOW))
        await prepared(store, kind)
        before = await store.find_subscribers([KEY])
        await site.visitor().subscribe(KEY)
        if before:
            assert await store.find_subscribers([KEY]) == before, "whoever typed it changes nobody who is known"
        done[kind] = [each.kind.value for each in await store.list_deliveries()]
        counted[kind] = dict(site.events)
        await store.aclose()
    assert done == {
        "new": ["confirmation"],
        "pending": ["confirmation"],
        "active": ["reminder"],
        "paused": ["reminder"],
        "unsubscribed": ["confirmation"],
        "bounced": ["confirmation"],
        "suppressed": [],
    }
    events = {"confirmation": "asked", "reminder": "reminded"}
    assert counted == {kind: {events[mails[0]] if mails else "silent": 1} for kind, mails in done.items()}


async def test_a_link_expires_and_offers_another_mail(site: Site, store: SqlStore) -> None:
    visitor = site.visitor()
    await visitor.subscribe(KEY)
    (link,) = await site.links()
    site.clock.pass_by(days=3, seconds=1)
    for response in (await visitor.client.get(link), await visitor.client.post(link, data={"answer": "yes"})):
        assert response.status_code == 410
        assert 'href="/subscribe"' in response.text
    assert (await reader(store)).status is SubscriberStatus.PENDING
    await visitor.subscribe(KEY)
    await visitor.client.post((await site.links())[-1], data={"answer": "yes"})
    assert (await reader(store)).status is SubscriberStatus.ACTIVE


async def test_no_other_link_confirms_and_none_tells_of_anybody(site: Site, store: SqlStore) -> None:
    visitor = site.visitor()
    await visitor.subscribe(KEY)
    (link,) = await site.links()
    token = link.rpartition("/")[2]
    others = [LINKS.unsubscribe_url(1), LINKS.manage_url(1), LINKS.address_change_url(1, NOW)]
    forged = [token[:-1], token + "A", token[1:], "x", "A" * 500, *(each.rpartition("/")[2] for each in others)]
    for each in forged:
        for answer in ({"answer": "yes"}, {"answer": "never"}):
            assert (await visitor.client.post(f"/confirm/{each}", data=answer)).status_code == 404
        assert (await visitor.client.get(f"/confirm/{each}")).status_code == 404
    unknown = await visitor.client.post(path_of(4711, NOW), data={"answer": "yes"})
    assert unknown.status_code == 410
    assert (await visitor.client.post(link, data={"other": "yes"})).status_code == 400
    assert (await reader(store)).status is SubscriberStatus.PENDING
    assert await store.list_suppressions() == []


async def test_whoever_did_not_ask_is_never_written_to_again(site: Site, store: SqlStore) -> None:
    visitor = site.visitor()
    await visitor.subscribe(KEY)
    (link,) = await site.links()
    assert (await visitor.client.post(link, data={"answer": "never"})).status_code == 200
    assert [each.value for each in await store.list_suppressions()] == [KEY]
    assert_sent(await visitor.subscribe(KEY))
    assert len(await site.mails()) == 1
    assert (await visitor.client.post(link, data={"answer": "yes"})).status_code == 200
    assert (await reader(store)).status is SubscriberStatus.SUPPRESSED
    assert site.events == {"asked": 1, "refused": 1, "silent": 1}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"address": "nobody"}, "address-problem"),
        ({"address": "a@b.example\r\nBcc: c@d.example"}, "address-problem"),
        ({"profiles": [], "keywords": ""}, "profiles-problem"),
        ({"profiles": ["hidden"], "keywords": ""}, "profiles-problem"),
        ({"keywords": "title:"}, "keywords-problem"),
        ({"keywords": "\n".join(f"word{number}" for number in range(51))}, "keywords-problem"),
        ({"keywords": "x" * 201}, "keywords-problem"),
        ({"zone": "Europe/Berlinn"}, "did you mean “Europe/Berlin”"),
        ({"send_at": "25:00"}, "send_at-problem"),
        ({"frequency": "hourly"}, "frequency-problem"),
    ],
)
async def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_lost(
    site: Site, store: SqlStore, said: dict[str, object], words: str
) -> None:
    visitor = site.visitor()
    form = {"keywords": "<b>kept</b>"} | said
    response = await visitor.client.post("/subscribe", data=await visitor.fill_in(KEY) | form)
    assert response.status_code == 400
    assert words in response.text
    if "keywords" not in said:
        assert "&lt;b&gt;kept&lt;/b&gt;" in response.text
    assert "<b>kept" not in response.text
    assert await store.list_subscribers() == []


async def test_a_form_is_good_once_for_two_hours_and_only_ours(site: Site) -> None:
    visitor = site.visitor()
    form = await visitor.fill_in(KEY)
    assert_sent(await visitor.client.post("/subscribe", data=form))
    used = await visitor.client.post("/subscribe", data=form)
    assert used.status_code == 409
    assert form["challenge"] not in used.text
    old = await visitor.fill_in("two@example.org")
    site.clock.pass_by(hours=2, seconds=1)
    assert (await visitor.client.post("/subscribe", data=old)).status_code == 409
    foreign = await visitor.fill_in("two@example.org", challenge="WyJ4IiwxXQ.abc")
    assert (await visitor.client.post("/subscribe", data=foreign)).status_code == 409
    assert len(await site.mails()) == 1


async def test_without_the_script_a_person_is_asked_for_three_seconds(site: Site) -> None:
    visitor = site.visitor()
    form = await visitor.fill_in(KEY, work="")
    early = await visitor.client.post("/subscribe", data=form)
    assert early.status_code == 409
    assert f'value="{form["challenge"]}"' in early.text, "the same form may be sent again"
    site.clock.pass_by(seconds=3)
    assert_sent(await visitor.client.post("/subscribe", data=form))


async def test_who_fills_in_what_no_person_sees_is_thanked_and_forgotten(site: Site, store: SqlStore) -> None:
    visitor = site.visitor()
    assert_sent(await visitor.subscribe(KEY, website="https://pills.example"))
    assert await store.list_subscribers() == []
    assert site.events == {"trapped": 1}


async def test_the_foretaste_shows_what_the_last_week_brought(site: Site, store: SqlStore) -> None:
    await add_papers(store, 3)
    visitor = site.visitor()
    own = await visitor.fill_in("", profiles=[], keywords="abstract:representations 2", part="yes")
    part = await visitor.client.post("/subscribe/preview", data=own)
    assert part.status_code == 200
    assert "part 2" in part.text
    assert "part 1" not in part.text
    assert "<html" not in part.text
    taken = await visitor.client.post("/subscribe/preview", data=await visitor.fill_in("", keywords="graph*"))
    assert "<html" in taken.text
    assert all(f"part {number}" in taken.text for number in (1, 2, 3))
    assert "graph*</textarea>" in taken.text
    wrong = await visitor.client.post("/subscribe/preview", data=await visitor.fill_in("", keywords="title:"))
    assert "keywords-problem" in wrong.text
    site.clock.pass_by(days=8)
    later = await visitor.client.post("/subscribe/preview", data=await visitor.fill_in("", part="yes"))
    assert "part 1" not in later.text
    assert await store.list_deliveries() == []


async def test_the_form_knows_the_topic_one_came_from_and_hides_what_is_not_public(site: Site) -> None:
    visitor = site.visitor()
    page = (await visitor.client.get("/subscribe?profile=ml&profile=hidden&profile=nothing")).text
    assert re.findall(r'name="profiles" value="(\w+)"( checked)?', page) == [("ml", " checked")]
    for address in ("/", "/topics/ml"):
        assert 'class="banner"' in (await visitor.client.get(address)).text


async def test_only_these_pages_may_run_our_script_and_none_may_anything_else(site: Site) -> None:
    visitor = site.visitor()
    policy = (await visitor.client.get("/subscribe")).headers["content-security-policy"]
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    for address in ("/", "/topics/ml", "/subscribe/sent", path_of(1, NOW)):
        response = await visitor.client.get(address)
        assert "script-src" not in response.headers["content-security-policy"]
        assert "set-cookie" not in response.headers
    script = await visitor.client.get("/subscribe.js")
    assert script.headers["content-type"].startswith("text/javascript")


# --- Abuse ------------------------------------------------------------------------------------------------------------


async def test_ten_thousand_sign_ups_from_one_network_are_held_back(store: SqlStore) -> None:
    site = Site(store, Clock(NOW), SignupSettings(work_bits=BITS, per_network_hour=20, per_hour=300))
    app = site.app
    flood, others = site.visitor("203.0.113.1", app), [site.visitor(f"198.51.{n}.7", app) for n in range(4)]
    statuses: Counter[int] = Counter()
    for number in range(10_000):
        address = f"victim{number}@example.org"
        if statuses[303] < 20:
            statuses[(await flood.subscribe(address)).status_code] += 1
            continue
        forged = f"10.6.{number % 250}.9, 203.0.113.{number % 256}"  # each from another house, it says
        statuses[await post(app, "/subscribe", {"address": address, "profiles": "ml"}, forged)] += 1
        if number % 2_500 == 0:  # real visitors, meanwhile
            assert_sent(await others[number // 2_500].subscribe(f"real{number}@example.net"))
            assert (await others[0].client.get("/")).status_code == 200
    assert statuses == {303: 20, 429: 9_980}
    assert site.events["held_back"] == 9_980
    real = 3
    assert len(await site.mails()) == len(await store.list_subscribers()) == 20 + real, "no more than was let through"


def test_the_memory_of_limits_is_bounded() -> None:
    throttle = Throttle(1, 100_000)
    for number in range(MOST_NETWORKS + 2_000):
        throttle.take(f"network {number}", NOW)
    assert len(throttle) == MOST_NETWORKS
    challenges = Challenges(LINKS, 0)
    for number in range(MOST_USED + 10):
        challenges.use(str(number))
    assert len(challenges._used) == MOST_USED


def test_a_throttle_lets_through_what_it_says_and_then_says_when() -> None:
    throttle = Throttle(2, 3)
    assert [throttle.take("a", NOW) for _ in range(2)] == [None, None]
    assert throttle.take("a", NOW) == timedelta(hours=1, minutes=1)
    assert throttle.take("b", NOW) is None
    assert throttle.take("c", NOW) is not None, "the total"
    assert throttle.take("a", NOW + timedelta(hours=1, minutes=1)) is None


async def test_without_the_script_fewer_are_let_through(store: SqlStore) -> None:
    site = Site(store, Clock(NOW), SignupSettings(work_bits=BITS, per_network_hour=8, per_hour=300))
    visitor = site.visitor()
    forms = [await visitor.fill_in(f"r{number}@example.org", work="") for number in range(4)]
    site.clock.pass_by(seconds=3)
    answers = [(await visitor.client.post("/subscribe", data=form)).status_code for form in forms]
    assert answers == [303, 303, 429, 429]
    held = await visitor.client.post("/subscribe", data=forms[2])
    assert int(held.headers["retry-after"]) > 0
    assert_sent(await visitor.subscribe("solved@example.org"))


def test_the_puzzle_is_checked_as_it_is_set() -> None:
    answer = solve("challenge", 12)
    assert is_solved("challenge", answer, 12)
    assert not is_solved("another", answer, 12)
    assert is_solved("anything", "0", 0)
    for wrong in ("", "x" * 21, "é"):
        assert not is_solved("challenge", wrong, 0)


async def test_a_reminder_comes_once_a_day(site: Site, store: SqlStore) -> None:
    await store.add_subscriber(draft("reader"), CONSENT, Origin.STORE, NOW)
    visitor = site.visitor()
    for hours in (0, 1, 22, 1):
        site.clock.pass_by(hours=hours)
        assert_sent(await visitor.subscribe(KEY))
    assert [each.planned_at for each in await site.mails(IssueKind.REMINDER)] == [NOW, NOW + timedelta(hours=24)]
