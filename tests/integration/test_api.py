"""The API over a store that has been used: who comes in, what is told, and what is changed."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.cli.bounces import Known, bounce_document
from newsletter.cli.delivery_report import sums_document
from newsletter.cli.documents import (
    attempt_document,
    delivery_document,
    paper_document,
    profile_document,
    sighting_document,
    subscriber_document,
    version_document,
)
from newsletter.cli.output import plain
from newsletter.cli.suppression import suppression_document
from newsletter.core.access import Scope
from newsletter.errors import StoreBusyError
from newsletter.model import SubscriberStatus, SuppressionKind
from newsletter.store.copying import summarise
from newsletter.store.dialect import parse_address
from newsletter.store.migrate import connect
from newsletter.web.api.gate import Allowance
from tests.support.api import ALL, ROOT, Desk, asking, desk_at, problem_of, tokens_yaml, write_configuration
from tests.support.databases import migrated_file
from tests.support.lived_in import lived_in_file, lived_in_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

__all__ = ["lived_in_file", "lived_in_url", "migrated_file"]

CONSENT = {"given_at": "2026-01-04T09:00:00+01:00", "proof": "the form at https://example.org/join"}
NEW = {"address": "New.Reader@example.org", "profiles": ["vision"], "keywords": ["title:RAG^2"], "consent": CONSENT}
READS = [
    "/subscribers",
    "/subscribers/1",
    "/profiles",
    "/profiles/vision",
    "/papers?since=2026-01-01&until=2026-01-10",
    "/papers/1",
    "/papers/1/matches",
    "/papers/1/matches?profile=vision",
    "/search?q=learning",
    "/issues?since=2026-01-01&until=2026-01-20",
    "/issues/2026-01-05",
    "/deliveries?state=accepted&state=rejected&code=5.1&since=2026-01-01&until=2026-01-31&in_doubt=false",
    "/deliveries/1",
    "/suppressions",
    "/bounces",
    "/openapi.json",
    "/",
]


@pytest.fixture
async def desk(lived_in_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_at(lived_in_url, tmp_path / "config") as desk:
        yield desk


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx2.AsyncClient]:
    async with asking(desk) as client:
        yield client


def contents(url: str) -> object:
    with connect(parse_address(url), 5) as connection:
        return summarise(connection, lambda _: None)


async def post(client: httpx2.AsyncClient, path: str, body: object, key: str = "") -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(path, json=body, headers=headers)


# --- Who comes in -----------------------------------------------------------------------------------------------------


async def test_without_tokens_there_is_no_api(desk: Desk, tmp_path: Path) -> None:
    desk.configuration = write_configuration(tmp_path / "other", "\n")
    async with asking(desk) as client:
        for path in READS:
            answer = await client.get(path)
            assert answer.status_code == 404
            assert "api" not in answer.text.lower()


async def test_a_token_works_from_the_reload_that_brings_it_to_the_one_that_takes_it(
    desk: Desk, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    other = tokens_yaml(crm=("nlt_of-the-crm", [Scope.SUBSCRIBERS_READ]))
    async with asking(desk, "nlt_of-the-crm") as crm:
        assert (await crm.get("/subscribers")).status_code == 401
        desk.configuration = write_configuration(tmp_path / "other", other)
        assert (await crm.get("/subscribers")).status_code == 200
        desk.configuration = write_configuration(tmp_path / "other")
        assert (await crm.get("/subscribers")).status_code == 401
    assert (await client.get("/subscribers")).status_code == 200


async def test_who_has_no_token_is_told_so_and_nothing_else(desk: Desk) -> None:
    for shown in (None, "wrong", ALL[:-1], ALL + "x", " "):
        async with asking(desk, shown) as client:
            for path in ("/subscribers/1", "/subscribers/999", "/nothing"):
                answer = await client.get(path)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"].startswith('Bearer realm="newsletter"')
                assert problem_of(answer)["code"] in ("token_missing", "token_unknown")


async def test_a_token_ends_with_its_last_day(desk: Desk, tmp_path: Path) -> None:
    desk.configuration = write_configuration(tmp_path / "other", f"{tokens_yaml()}      expires: 2026-11-30\n")
    async with asking(desk) as client:
        desk.now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
        assert (await client.get("/profiles")).status_code == 200
        desk.now = datetime(2026, 12, 1, tzinfo=UTC)
        assert (await client.get("/profiles")).status_code == 401


async def test_every_endpoint_wants_its_scope_and_takes_no_other(desk: Desk, tmp_path: Path, lived_in_url: str) -> None:
    tokens = {scope.name.lower().replace("_", "-"): (f"nlt_{scope}", [scope]) for scope in Scope}
    desk.configuration = write_configuration(tmp_path / "other", tokens_yaml(**tokens))
    before, seen = contents(lived_in_url), set()
    async with asking(desk, None) as client:
        document = (await client.get("/openapi.json")).json()
        for path, methods in document["paths"].items():
            place = path.replace("{kind}", "address").replace("{issue_date}", "2026-01-05")
            place = re.sub(r"\{\w+\}", "1", place)
            for method, operation in methods.items():
                wanted = operation["x-scope"]
                assert operation["security"] == [{"bearer": [wanted]}]
                seen.add(wanted)
                for scope in set(Scope) - {wanted}:
                    shown = {"Authorization": f"Bearer nlt_{scope}"}
                    answer = await client.request(method.upper(), place, headers=shown)
                    assert answer.status_code == 403, (method, place, answer.text)
                    assert f'scope="{wanted}"' in answer.headers["www-authenticate"]
                    assert problem_of(answer)["code"] == "scope_missing"
    assert seen == set(Scope)
    assert contents(lived_in_url) == before


async def test_a_token_makes_so_many_requests_in_a_minute(desk: Desk, tmp_path: Path) -> None:
    slow = tokens_yaml().replace("requests_per_minute: 100000", "requests_per_minute: 3")
    desk.configuration = write_configuration(tmp_path / "other", slow)
    async with asking(desk) as client:
        assert [(await client.get("/profiles")).status_code for _ in range(4)] == [200, 200, 200, 429]
        answer = await client.get("/profiles")
        assert problem_of(answer)["code"] == "too_many_requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 21
        assert answer.headers["ratelimit-policy"] == '"token";q=3;w=60'
        assert (await client.get("/openapi.json")).status_code == 200


def test_requests_grow_back_steadily() -> None:
    allowance = Allowance(3, 0)
    assert [allowance.take(3, 0) for _ in range(3)] == [0, 0, 0]
    assert allowance.take(3, 10) == pytest.approx(10)
    assert allowance.take(3, 20) == 0
    assert allowance.take(3, 21) == pytest.approx(19)
    assert [allowance.take(3, 3600) for _ in range(3)] == [0, 0, 0]
    assert allowance.take(3, 3600) > 0


async def test_no_other_origin_may_ask(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/profiles", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


# --- What is told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", READS)
async def test_reading_changes_nothing_and_may_be_asked_by_head(
    client: httpx2.AsyncClient, lived_in_url: str, path: str
) -> None:
    before = contents(lived_in_url)
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await client.head(path)).status_code == 200
    assert contents(lived_in_url) == before


async def test_the_api_tells_what_the_command_line_prints(desk: Desk, client: httpx2.AsyncClient) -> None:
    async def told(path: str) -> Any:
        return (await client.get(path)).json()

    def printed(document: object) -> Any:
        return json.loads(json.dumps(document, default=plain))

    def untimed(value: Any) -> Any:
        return re.sub(r"\.\d+(?=Z|\+)", "", json.dumps(value))

    store = desk.store
    await post(client, "/suppressions", {"value": "example.com", "detail": "by phone"})
    report = {"event_id": "1", "kind": "soft", "address": "bob@example.org", "text": "full", "enhanced_code": "4.2.2"}
    await post(client, "/bounces", report)
    delivery, paper = await store.delivery(1), (await store.papers([1]))[1]
    address = (await store.subscriber(delivery.subscriber_id)).address.text
    whole = delivery_document(delivery, address) | {
        "attempts": [attempt_document(each) for each in await store.attempts(1)]
    }
    of_paper = paper_document(paper) | {
        "sightings": [sighting_document(each) for each in await store.sightings(1)],
        "versions": [version_document(each) for each in await store.versions(1)],
    }
    [bounce] = await store.list_bounces()
    [sums] = await store.issue_sums(delivery.issue_date, delivery.issue_date)
    [suppression] = await store.list_suppressions()
    vision = desk.configuration.profile("vision")
    assert vision is not None
    known = bounce_document(Known(bounce, None))
    del known["address"]
    pairs = [
        ("/subscribers/1", subscriber_document(await store.subscriber(1))),
        ("/deliveries/1", whole),
        ("/papers/1", of_paper),
        ("/profiles/vision", profile_document(vision) | {"public": True}),
        ("/bounces/1", known),
        ("/suppressions/domain/example.com", suppression_document(suppression)),
    ]
    for path, document in pairs:
        shown = await told(path)
        assert untimed({key: shown[key] for key in sorted(shown)}) == untimed(
            dict(sorted(printed(document).items()))
        ), path
    issue = await told(f"/issues/{delivery.issue_date}")
    assert {key: issue[key] for key in issue.keys() & printed(sums_document(sums)).keys()}.items() <= printed(
        sums_document(sums)
    ).items()


async def test_issues_add_up(client: httpx2.AsyncClient) -> None:
    found = (await client.get("/issues?since=2026-01-01&until=2026-01-31")).json()["items"]
    assert [each["issue_date"] for each in found] == ["2026-01-06", "2026-01-05"]
    for each in found:
        ends = ("accepted", "deferred", "rejected", "suppressed", "expired", "superseded", "unknown")
        assert each["planned"] == sum(each[end] for end in ends) + each["in_flight"] + each["forgotten"]
        assert each["difference"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/subscribers?limit=1",
        "/profiles?limit=1",
        "/papers?since=2026-01-01&until=2026-01-10&limit=1",
        "/search?q=learning&limit=1",
        "/search?limit=2&order=newest",
        "/issues?since=2026-01-01&until=2026-01-20&limit=1",
        "/deliveries?limit=1",
        "/suppressions?limit=1",
        "/bounces?limit=1",
    ],
)
async def test_every_list_goes_on_to_its_end_by_its_links(client: httpx2.AsyncClient, path: str) -> None:
    for value in ("a@example.org", "b@example.org", "example.com"):
        await post(client, "/suppressions", {"value": value})
        await post(client, "/bounces", {"event_id": value, "kind": "soft", "address": "nobody@example.org"})
    whole = (await client.get(re.sub(r"limit=\d+", "limit=50", path))).json()
    assert whole["next_cursor"] is None
    found: list[Any] = []
    following = f"{ROOT}{path}"
    while following:
        answer = await client.get(following)
        page = answer.json()
        found += page["items"]
        link = answer.headers.get("link", "")
        assert bool(link) == bool(page["next_cursor"])
        following = link.removeprefix("<").removesuffix('>; rel="next"')
    assert found == whole["items"]
    assert len(found) > 1


@pytest.mark.parametrize(
    "cursor", ["x", "WyJzdWJzY3JpYmVycyJd", "W10", "e30", "%00", "WyJzdWJzY3JpYmVycyIsdHJ1ZV0", "é", "A" * 1000]
)
async def test_a_cursor_of_something_else_is_refused(client: httpx2.AsyncClient, cursor: str) -> None:
    for path in (
        "/subscribers",
        "/profiles",
        "/papers",
        "/search",
        "/issues",
        "/deliveries",
        "/suppressions",
        "/bounces",
    ):
        answer = await client.get(f"{path}?cursor={cursor}")
        assert problem_of(answer)["code"] == "bad_cursor"
        assert answer.status_code == 400


async def test_why_a_profile_takes_a_paper_or_not(client: httpx2.AsyncClient) -> None:
    [no] = (await client.get("/papers/1/matches?profile=vision")).json()["items"]
    assert (no["taken"], no["topics"]) == (False, [])
    assert no["why"]
    assert problem_of(await client.get("/papers/1/matches?profile=nobody"))["code"] == "not_found"


async def test_a_draft_is_tried_on_the_papers_of_the_last_days(desk: Desk, client: httpx2.AsyncClient) -> None:
    desk.now = datetime(2026, 1, 6, tzinfo=UTC)
    draft = {"yaml": "title: Vision\nkeywords: [representation]\n", "name": "vision", "days": 7, "limit": 2}
    tried = (await post(client, "/drafts/dry-run", draft)).json()
    assert (tried["taken"], tried["papers"], len(tried["matches"])) == (4, 6, 2) or tried["papers"] >= 4
    assert tried["replaces"] == "vision"
    assert (tried["gained_count"], tried["lost_count"]) == (tried["taken"], 0)
    reasons = tried["matches"][0]["reasons"]
    assert tried["matches"][0]["score"] == pytest.approx(sum(reason["score"] for reason in reasons))


async def test_a_draft_is_judged_by_line_and_column(client: httpx2.AsyncClient) -> None:
    yaml = "title: New\nkeywords: [cat]\ncategores: [cs.LG]\nsources: [nowhere]\n"
    answer = (await post(client, "/drafts/validate", {"yaml": yaml})).json()
    assert answer["is_valid"] is False
    assert [(each["line"], each["column"]) for each in answer["problems"]] == [(3, 1), (4, 11)]
    refused = await post(client, "/drafts/dry-run", {"yaml": yaml})
    assert refused.status_code == 422
    assert [each["at"] for each in problem_of(refused)["errors"]] == ["body.yaml:3:1", "body.yaml:4:11"]
    good = (await post(client, "/drafts/validate", {"yaml": "keywords: [cat]\n", "name": "cats"})).json()
    assert (good["is_valid"], good["profile"]["title"]) == (True, "Cats")
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
    )
    assert (await post(client, "/drafts/validate", {"yaml": bomb})).json()["is_valid"] is False


async def test_a_query_that_cannot_be_asked_is_told_where(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/search", params={"q": "cat AND"})
    assert answer.status_code == 422
    assert problem_of(answer)["errors"][0]["at"].startswith("query.q:")


async def test_the_search_finds_what_the_page_finds_in_its_order(desk: Desk, client: httpx2.AsyncClient) -> None:
    found = (await client.get("/search?q=learning")).json()
    async with asking(desk, None) as reader:
        page = (await reader.get("https://news.example/search?q=learning")).text
    assert [each["paper"]["id"] for each in found["items"]] == [
        int(number) for number in dict.fromkeys(re.findall(r'href="/papers/(\d+)', page))
    ]
    assert found["total"] == len(found["items"]) > 1


# --- What is changed --------------------------------------------------------------------------------------------------


async def test_somebody_is_added_with_their_consent_changed_and_forgotten(
    desk: Desk, client: httpx2.AsyncClient
) -> None:
    added = await post(client, "/subscribers", NEW)
    assert added.status_code == 201
    who = added.json()
    assert added.headers["location"] == f"/api/v1/subscribers/{who['id']}"
    assert (who["zone"], who["send_at"], who["status"]) == ("Europe/London", "06:30", "active")
    assert who["consent"]["method"] == "api"
    assert who["consent"]["given_at"] == "2026-01-04T08:00:00Z"
    assert who["consent"]["proof"] == f"{CONSENT['proof']} (token all)"
    assert (await post(client, "/subscribers", NEW)).status_code == 409
    place = f"/subscribers/{who['id']}"
    desk.forward(minutes=1)
    changed = await client.patch(place, json={"frequency": "weekly", "weekday": "friday", "profiles": []})
    assert {key for key, value in changed.json().items() if value != who[key]} == {
        "frequency", "weekday", "profiles", "updated_at",
    }  # fmt: skip
    assert (await client.delete(place)).status_code == 204
    assert (await client.get(place)).status_code == 404
    assert (await client.delete(place)).status_code == 404


async def test_nobody_is_added_without_consent_or_with_what_is_not_there(client: httpx2.AsyncClient) -> None:
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wrong: list[tuple[dict[str, object], str]] = [
        ({"consent": None}, "body.consent"),
        ({"consent": {**CONSENT, "given_at": future}}, "body.consent.given_at"),
        ({"consent": {**CONSENT, "given_at": 1}}, "body.consent.given_at"),
        ({"profiles": ["vision", "visio"]}, "body.profiles.1"),
        ({"template": "nothing"}, "body.template"),
        ({"address": "nobody"}, "body.address"),
        ({"zone": None}, "body.zone"),
        ({"send_at": "7:00"}, "body.send_at"),
        ({"keywords": ['"']}, "body.keywords.0"),
        ({"admin": True}, "body.admin"),
    ]
    for change, at in wrong:
        answer = await post(client, "/subscribers", NEW | change)
        assert answer.status_code == 422, answer.text
        assert [each["at"] for each in problem_of(answer)["errors"]] == [at]


async def test_whoever_has_read_an_older_state_changes_nothing(client: httpx2.AsyncClient) -> None:
    tag = (await client.get("/subscribers/1")).headers["etag"]
    first = await client.patch("/subscribers/1", json={"zone": "Asia/Tokyo"}, headers={"If-Match": tag})
    assert first.status_code == 200
    for request in (
        client.build_request("PATCH", "/subscribers/1", json={"zone": "UTC"}, headers={"If-Match": tag}),
        client.build_request("DELETE", "/subscribers/1", headers={"If-Match": tag}),
        client.build_request("POST", "/subscribers/1/status", json={"status": "paused"}, headers={"If-Match": tag}),
    ):
        refused = await client.send(request)
        assert refused.status_code == 412
        assert problem_of(refused)["code"] == "changed_meanwhile"
    now = await client.get("/subscribers/1")
    assert (now.json()["zone"], now.json()["status"]) == ("Asia/Tokyo", "active")
    assert now.headers["etag"] == first.headers["etag"] != tag


async def test_somebody_is_paused_resumed_and_unsubscribed(desk: Desk, client: httpx2.AsyncClient) -> None:
    until = (desk.now + timedelta(days=9)).date().isoformat()
    paused = (await post(client, "/subscribers/2/status", {"status": "paused", "until": until})).json()
    assert (paused["status"], paused["paused_until"]) == ("paused", until)
    assert (await post(client, "/subscribers/2/status", {"status": "active"})).json()["paused_until"] is None
    left = (await post(client, "/subscribers/2/status", {"status": "unsubscribed", "reason": "asked us"})).json()
    assert (left["status"], left["status_reason"]) == ("unsubscribed", "asked us")
    assert (await post(client, "/subscribers/2/status", {"status": "active"})).status_code == 409
    assert (await post(client, "/subscribers/2/status", {"status": "paused"})).status_code == 409
    back = await post(client, "/subscribers/2/status", {"status": "active", "reason": "mail of 3 May"})
    assert back.json()["status"] == "active"
    past = {"status": "paused", "until": "2020-01-01"}
    assert problem_of(await post(client, "/subscribers/2/status", past))["errors"][0]["at"] == "body.until"


async def test_who_is_kept_in_the_files_is_changed_there(desk: Desk, client: httpx2.AsyncClient) -> None:
    await desk.store.sync_file_subscribers(desk.configuration.file_subscribers, desk.now)
    who = (await client.get("/subscribers?origin=file")).json()["items"][0]["id"]
    for method, path, body in (
        ("PATCH", f"/subscribers/{who}", {"zone": "UTC"}),
        ("DELETE", f"/subscribers/{who}", None),
        ("POST", f"/subscribers/{who}/status", {"status": "paused"}),
    ):
        assert problem_of(await client.request(method, path, json=body))["code"] == "conflict"


async def test_a_failed_mail_is_tried_again_and_an_accepted_one_is_not(client: httpx2.AsyncClient) -> None:
    by_state = {each["state"]: each["id"] for each in (await client.get("/deliveries")).json()["items"]}
    again = await client.post(f"/deliveries/{by_state['rejected']}/retry")
    assert (again.status_code, again.json()["state"]) == (200, "planned")
    assert len(again.json()["attempts"]) == 1
    assert (await client.post(f"/deliveries/{by_state['accepted']}/retry")).status_code == 409
    assert (await client.post("/deliveries/999/retry")).status_code == 404


async def test_nobody_writes_to_who_is_suppressed_until_that_is_lifted(desk: Desk, client: httpx2.AsyncClient) -> None:
    made = await post(client, "/suppressions", {"value": "ADA@example.org", "detail": "asked by telephone"})
    assert made.status_code == 201
    assert made.json()["source"] == "api:all"
    ada = (await desk.store.subscriber(1)).address
    assert await desk.store.suppressed([ada], desk.now)
    place = "/suppressions/address/ada%40example.org"
    assert (await client.get(place)).json() == made.json()
    assert (await client.delete(place)).status_code == 204
    assert (await client.delete(place)).status_code == 404
    assert not await desk.store.suppressed([ada], desk.now)
    assert (await client.get("/suppressions/domain/ada%40example.org")).status_code == 422


async def test_a_bounce_counts_once_and_only_for_who_has_the_address(desk: Desk, client: httpx2.AsyncClient) -> None:
    report = {"event_id": "e1", "kind": "hard", "address": "BOB@example.org", "enhanced_code": "5.1.1", "text": "no"}
    first, second = (await post(client, "/bounces", report)).json(), (await post(client, "/bounces", report)).json()
    assert (first["is_new"], first["status"], first["subscriber_id"]) == (True, "bounced", 2)
    assert (second["is_new"], second["status"]) == (False, None)
    assert (await desk.store.subscriber(2)).status is SubscriberStatus.BOUNCED
    assert [each.kind for each in await desk.store.list_suppressions()] == [SuppressionKind.ADDRESS]
    nobody = (await post(client, "/bounces", report | {"event_id": "e2", "address": "x@example.com"})).json()
    assert (nobody["is_new"], nobody["subscriber_id"]) == (True, None)


# --- Once -------------------------------------------------------------------------------------------------------------


async def test_the_same_request_under_the_same_key_is_answered_alike_and_done_once(
    desk: Desk, client: httpx2.AsyncClient, lived_in_url: str
) -> None:
    first = await post(client, "/subscribers", NEW, "key-1")
    before = contents(lived_in_url)
    async with asking(desk) as restarted:
        second = await post(restarted, "/subscribers", NEW, "key-1")
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert contents(lived_in_url) == before
    other = await post(client, "/subscribers", NEW | {"zone": "UTC"}, "key-1")
    assert (other.status_code, problem_of(other)["code"]) == (422, "idempotency_key_reused")
    desk.forward(hours=25)
    assert (await post(client, "/subscribers", NEW, "key-1")).status_code == 409  # the key is free, the address is not


async def test_what_was_refused_leaves_its_key_free(client: httpx2.AsyncClient) -> None:
    assert (await post(client, "/subscribers/2/status", {"status": "paused", "until": "2020-01-01"}, "k")).is_error
    assert (await post(client, "/subscribers/2/status", {"status": "paused"}, "k")).status_code == 200
    assert problem_of(await post(client, "/subscribers", NEW, "not a key"))["code"] == "bad_idempotency_key"


async def test_two_at_once_under_one_key_add_one(desk: Desk, client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(post(client, "/subscribers", NEW, "key") for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert [each.status_code for each in answers].count(201) >= 1
    assert {problem_of(each)["code"] for each in answers if each.status_code == 409} <= {"request_under_way"}
    assert len(await desk.store.list_subscribers(text="new.reader")) == 1


async def test_who_was_cut_short_before_the_answer_gets_it_the_next_time(
    desk: Desk, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object) -> None:
        raise StoreBusyError("as if killed: added, and not answered")

    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "finish_request", killed)
        patched.setattr(desk.store, "abandon_request", killed)
        assert (await post(client, "/subscribers", NEW, "key")).status_code == 503
    assert len(await desk.store.list_subscribers(text="new.reader")) == 1
    assert problem_of(await post(client, "/subscribers", NEW, "key"))["code"] == "request_under_way"
    desk.forward(minutes=2)
    again = await post(client, "/subscribers", NEW, "key")
    assert again.status_code == 201
    assert len(await desk.store.list_subscribers(text="new.reader")) == 1
    assert (await post(client, "/subscribers", NEW, "key")).content == again.content


# --- What goes wrong --------------------------------------------------------------------------------------------------


async def test_every_fault_is_a_problem_document(
    desk: Desk, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    json_type = {"Content-Type": "application/json"}
    faults = [
        (client.build_request("POST", "/subscribers", content=b"{", headers=json_type), 400, "bad_request"),
        (client.build_request("POST", "/subscribers", content=b"\xff", headers=json_type), 400, "bad_request"),
        (client.build_request("POST", "/subscribers", content=b"[" * 60000, headers=json_type), 400, "bad_request"),
        (client.build_request("POST", "/subscribers", content=b"9" * 5000, headers=json_type), 400, "bad_request"),
        (
            client.build_request("POST", "/subscribers", content=b"x" * 70000, headers=json_type),
            413,
            "content_too_large",
        ),
        (client.build_request("POST", "/subscribers", data={"a": "b"}), 415, "not_json"),
        (client.build_request("GET", "/subscribers/0"), 422, "invalid"),
        (client.build_request("GET", "/subscribers/99999999999"), 422, "invalid"),
        (client.build_request("GET", "/subscribers?text=%00"), 422, "invalid"),
        (client.build_request("GET", "/deliveries?relay=%00&domain=%0a"), 422, "invalid"),
        (client.build_request("GET", "/papers?since=0001-01-01&until=0001-01-02&since=9999-12-31"), 422, "invalid"),
        (client.build_request("GET", "/nothing"), 404, "not_found"),
        (client.build_request("PUT", "/subscribers/1", json={}), 405, "method_not_allowed"),
    ]
    for request, status, code in faults:
        answer = await client.send(request)
        assert (answer.status_code, problem_of(answer)["code"]) == (status, code), (request.url, answer.text)
    assert (await client.put("/subscribers/1", json={})).headers["allow"] == "DELETE, GET, HEAD, PATCH"
    surrogate = await client.post("/subscribers", content=b'{"\\ud800": 1, "zone": "\\ud800"}', headers=json_type)
    assert surrogate.status_code == 422

    async def away(*_: object, **__: object) -> None:
        raise StoreBusyError("postgresql://secret-host is away")

    async def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret")

    for fail, status in ((away, 503), (bug, 500)):
        monkeypatch.setattr(desk.store, "list_subscribers", fail)
        answer = await client.get("/subscribers")
        assert answer.status_code == status
        assert "secret" not in json.dumps(problem_of(answer))
    assert (await client.get("/profiles")).status_code == 200


async def test_the_page_for_people_needs_nothing_from_elsewhere(desk: Desk) -> None:
    async with asking(desk, None) as client:
        answer = await client.get("/")
        document = (await client.get("/openapi.json")).json()
    assert "<script" not in answer.text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!news\.example)', answer.text)
    for path in document["paths"]:
        assert path.replace("{", "{") in answer.text
    assert document["servers"] == [{"url": ROOT}]
