"""The pages over a real store and a real Maildir, asked as browsers, mail programs and link scanners ask."""

import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import httpx2
import pytest
import structlog.testing

from newsletter.core.links import Links
from newsletter.errors import StoreBusyError
from newsletter.mail.catcher import Maildir
from newsletter.metrics import Metrics
from newsletter.model import Fault, Health, SourceState, SubscriberStatus
from newsletter.store.sql import SqlStore
from newsletter.vitals import Vitals
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from newsletter.web.server import listen
from tests.support.deliveries import PLANNED_AT, make_store, plan

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LINKS = Links("a secret of some length", "https://news.example")
ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


@pytest.fixture
def health() -> dict[str, object]:
    return {"ok": True}


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    folder = tmp_path / "maildir"
    Maildir(folder).create()
    return folder


def probes(store: SqlStore, health: Callable[[], dict[str, object]]) -> Probes:
    return Probes(health, list, store.check_schema, Metrics(store, Vitals("1.0"), lambda: NOW).exposition)


@pytest.fixture
async def client(store: SqlStore, health: dict[str, object], maildir: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(store, LINKS, "The <Morning> Preprint", lambda: NOW, maildir, probes(store, lambda: health))
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://news.example") as client:
        yield client


@pytest.fixture
async def subscriber(store: SqlStore) -> int:
    return (await plan(store, 1))[0]


def path(subscriber_id: int) -> str:
    return LINKS.unsubscribe_url(subscriber_id).removeprefix(LINKS.base_url)


async def status(store: SqlStore, subscriber: int) -> SubscriberStatus:
    return (await store.subscriber(subscriber)).status


# --- Leaving ----------------------------------------------------------------------------------------------------------


async def test_scanners_that_fetch_the_link_change_nothing(
    client: httpx2.AsyncClient, store: SqlStore, subscriber: int
) -> None:
    for method in ["GET", "HEAD", "OPTIONS", "GET"] * 10:
        answer = await client.request(method, path(subscriber))
        assert answer.status_code in (200, 405)
    assert await status(store, subscriber) is SubscriberStatus.ACTIVE
    page = (await client.get(path(subscriber))).text
    assert page.count('name="leave"') == 1
    assert "<script" not in page


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (ONE_CLICK, FORM),
        ("List-Unsubscribe=One-Click\r\n", FORM),
        ("list-unsubscribe=one-click", FORM),
        (ONE_CLICK, {}),
        (ONE_CLICK, {"Content-Type": "text/plain"}),
        (ONE_CLICK, {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}),
        (
            '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
            {"Content-Type": "multipart/form-data; boundary=b"},
        ),
        ("leave=yes", FORM),
    ],
)
async def test_one_click_and_the_button_unsubscribe(
    client: httpx2.AsyncClient, store: SqlStore, subscriber: int, body: str, headers: dict[str, str]
) -> None:
    for _ in range(2):
        answer = await client.post(path(subscriber), content=body, headers=headers)
        assert answer.status_code == 200
        assert "You are unsubscribed" in answer.text
        assert "set-cookie" not in answer.headers
    assert await status(store, subscriber) is SubscriberStatus.UNSUBSCRIBED


@pytest.mark.parametrize("gone", ["unsubscribed", "suppressed", "removed"])
async def test_whoever_has_left_is_not_asked_again(
    client: httpx2.AsyncClient, store: SqlStore, subscriber: int, gone: str
) -> None:
    assert "Leave The" in (await client.get(path(subscriber))).text
    if gone == "removed":
        await store.remove_subscriber((await store.subscriber(subscriber)).address.key)
    else:
        await store.set_status(subscriber, SubscriberStatus(gone), "earlier", PLANNED_AT)
    assert (await client.head(path(subscriber))).status_code == 200
    answer = await client.get(path(subscriber))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "You are unsubscribed" in answer.text
    assert "<button" not in answer.text
    if gone != "removed":
        left = await store.subscriber(subscriber)
        assert (left.status, left.status_reason) == (gone, "earlier")


async def test_leaving_is_logged_once(client: httpx2.AsyncClient, subscriber: int) -> None:
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await client.post(path(subscriber), content=ONE_CLICK, headers=FORM)
    assert [entry["event"] for entry in logs if entry["event"].startswith("unsubscribe.")] == ["unsubscribe.done"]


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        ("", {}, 400),
        ("", FORM, 400),
        ("a=b&leave=no", FORM, 400),
        ('{"List-Unsubscribe": "One-Click"}', {"Content-Type": "application/json"}, 400),
        ("no boundary", {"Content-Type": "multipart/form-data"}, 400),
        ("--b\r\nbroken", {"Content-Type": "multipart/form-data; boundary=b"}, 400),
        ("&".join("a=b" for _ in range(50)), FORM, 400),
        ("x" * 100_000, FORM, 413),
        ("x" * 100_000, {}, 413),
    ],
)
async def test_a_body_that_is_neither_changes_nothing(
    client: httpx2.AsyncClient, store: SqlStore, subscriber: int, body: str, headers: dict[str, str], code: int
) -> None:
    answer = await client.post(path(subscriber), content=body, headers=headers)
    assert answer.status_code == code
    assert await status(store, subscriber) is SubscriberStatus.ACTIVE


@pytest.mark.parametrize("before", ["pending", "paused", "bounced", "unsubscribed", "suppressed"])
async def test_every_status_gets_the_same_answer(
    client: httpx2.AsyncClient, store: SqlStore, subscriber: int, before: str
) -> None:
    await store.set_status(subscriber, SubscriberStatus(before), "earlier", PLANNED_AT)
    answer = await client.post(path(subscriber), content=ONE_CLICK, headers=FORM)
    assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)
    kept = SubscriberStatus.SUPPRESSED if before == "suppressed" else SubscriberStatus.UNSUBSCRIBED
    assert await status(store, subscriber) is kept


async def test_somebody_who_was_removed_gets_the_same_answer(client: httpx2.AsyncClient, subscriber: int) -> None:
    answer = await client.post(path(subscriber + 1000), content=ONE_CLICK, headers=FORM)
    assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("/mails/", "/mails"),
        ("//mails//", "/mails"),
        ("/mails//?lang=//elsewhere.example", "/mails?lang=//elsewhere.example"),
        ("//", "/"),
    ],
)
async def test_a_slash_at_the_end_leads_to_the_page_on_this_host(
    client: httpx2.AsyncClient, asked: str, place: str
) -> None:
    answer = await client.get(f"https://news.example{asked}", headers={"Host": "elsewhere.example"})
    assert (answer.status_code, answer.headers["Location"]) == (308, place)
    assert (await client.post(f"https://news.example{asked}")).status_code in {403, 404, 405}


@pytest.mark.parametrize("asked", ["//elsewhere.example/", "/%5Celsewhere.example//", "/nowhere/", "/nowhere"])
async def test_no_slash_leads_to_what_is_not_there(client: httpx2.AsyncClient, asked: str) -> None:
    assert (await client.get(f"https://news.example{asked}")).status_code == 404


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: "x" + t, lambda _: "1", lambda t: t * 50])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_forged_link_leads_nowhere(
    client: httpx2.AsyncClient, store: SqlStore, subscriber: int, change: object, method: str
) -> None:
    token = path(subscriber).rpartition("/")[2]
    forged = change(token)  # type: ignore[operator]
    answer = await client.request(method, f"/unsubscribe/{forged}", content=ONE_CLICK, headers=FORM)
    assert answer.status_code == 404
    assert "unsubscribe" not in answer.text.lower()
    assert await status(store, subscriber) is SubscriberStatus.ACTIVE


async def test_a_link_of_another_installation_leads_nowhere(client: httpx2.AsyncClient, subscriber: int) -> None:
    foreign = Links("another secret, as long", LINKS.base_url).unsubscribe_url(subscriber)
    assert (await client.post(foreign, content=ONE_CLICK, headers=FORM)).status_code == 404


# --- What holds for all pages -----------------------------------------------------------------------------------------


async def test_every_answer_carries_the_guarding_headers(client: httpx2.AsyncClient, subscriber: int) -> None:
    for address in (
        "/",
        "/mails",
        "/healthz",
        "/readyz",
        "/metrics",
        "/style.css",
        "/nothing",
        path(subscriber),
        "/mails/nothing",
    ):
        headers = (await client.get(address)).headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
    assert (await client.get(path(subscriber))).headers["cache-control"] == "no-store"


async def test_nothing_is_loaded_from_elsewhere_and_names_are_escaped(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/")).text
    assert "The &lt;Morning&gt; Preprint" in page
    assert "://" not in page
    assert "http" not in (await client.get("/style.css")).text


async def test_the_front_page_tells_quiet_from_broken(client: httpx2.AsyncClient, store: SqlStore) -> None:
    assert "No source has been asked yet" in (await client.get("/")).text
    quiet = SourceState("lab-blog", last_checked_at=NOW, last_success_at=NOW, health=Health.QUIET)
    broken = SourceState(
        "arxiv", last_checked_at=NOW, failures=2, health=Health.BROKEN, fault=Fault("timeout", "no answer in <30> s")
    )
    for state in (quiet, broken):
        await store.save_collection(state, (), NOW)
    page = (await client.get("/")).text
    assert "quiet: nothing new" in page
    assert "cannot be read: no answer in &lt;30&gt; s" in page
    assert "2 Mar 2026, 09:00 UTC" in page


async def test_health_decides_the_status(client: httpx2.AsyncClient, health: dict[str, object]) -> None:
    assert (await client.get("/healthz")).status_code == 200
    health |= {"ok": False, "fault": "the disk is full"}
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "fault": "the disk is full"})


async def test_a_store_that_is_busy_is_told_as_such(
    client: httpx2.AsyncClient, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(_: int) -> None:
        raise StoreBusyError("locked")

    monkeypatch.setattr(store, "subscriber", busy)
    answer = await client.post(path(1), content=ONE_CLICK, headers=FORM)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


async def test_an_error_of_ours_is_a_page_without_details(
    client: httpx2.AsyncClient, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(store, "source_states", broken)
    answer = await client.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"


# --- Caught mails -----------------------------------------------------------------------------------------------------


def mail(subject: str = "3 papers on diffusion", html: str | None = "<html><head></head><p>Hello</p></html>") -> bytes:
    message = EmailMessage()
    message["From"] = "digest@news.example"
    message["To"] = "reader@example.org"
    message["Subject"] = subject
    message.set_content("Hello in text – ünïcode\n")
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


async def test_caught_mails_are_listed_newest_first_as_they_come(client: httpx2.AsyncClient, maildir: Path) -> None:
    assert "None yet" in (await client.get("/mails")).text
    box = Maildir(maildir)
    names = [box.add(mail(f"Number {number} <&> ü")) for number in range(3)]
    page = (await client.get("/mails")).text
    assert page.index(names[2]) < page.index(names[1]) < page.index(names[0])
    assert "Number 0 &lt;&amp;&gt; ü" in page
    assert "reader@example.org" in page


async def test_a_long_list_comes_in_pages_without_gaps(client: httpx2.AsyncClient, maildir: Path) -> None:
    box = Maildir(maildir)
    names = [box.add(mail()) for _ in range(120)]
    seen: list[str] = []
    address: str | None = "/mails"
    while address:
        page = (await client.get(address)).text
        seen += [part.split('"')[0] for part in page.split('href="/mails/')[1:]]
        older = page.split('rel="next" href="')
        address = older[1].split('"')[0] if len(older) > 1 else None
    assert seen == names[::-1]


async def test_one_mail_in_every_view(client: httpx2.AsyncClient, maildir: Path) -> None:
    name = Maildir(maildir).add(b"Delivered-To: reader@example.org\r\n" + mail(subject="Grüße <b>"))
    first = (await client.get(f"/mails/{name}")).text
    assert f'<iframe class="content" src="/mails/{name}/content" sandbox=' in first
    assert "Grüße &lt;b&gt;" in first
    assert "Hello in text – ünïcode" in (await client.get(f"/mails/{name}/text")).text
    headers = (await client.get(f"/mails/{name}/headers")).text
    assert "<dt>Delivered-To</dt><dd>reader@example.org</dd>" in headers
    assert "=?utf-8?" in headers
    assert "Content-Transfer-Encoding" in (await client.get(f"/mails/{name}/source")).text
    saved = await client.get(f"/mails/{name}/message.eml")
    assert saved.content == (maildir / "new" / name).read_bytes()
    assert saved.headers["content-type"] == "message/rfc822"


async def test_the_mails_own_html_runs_nothing_and_loads_nothing(client: httpx2.AsyncClient, maildir: Path) -> None:
    name = Maildir(maildir).add(mail(html="<html><head><title>x</title></head><script>alert(1)</script></html>"))
    answer = await client.get(f"/mails/{name}/content")
    policy = {part.strip() for part in answer.headers["content-security-policy"].split(";")}
    assert {"default-src 'none'", "img-src data:", "style-src 'unsafe-inline'"} <= policy
    sandbox = next(part for part in policy if part.startswith("sandbox"))
    assert "allow-scripts" not in sandbox
    assert "allow-same-origin" not in sandbox
    assert '<head><base target="_blank"><title>' in answer.text


async def test_a_mail_without_html_shows_its_text(client: httpx2.AsyncClient, maildir: Path) -> None:
    name = Maildir(maildir).add(mail(html=None))
    assert "Hello in text" in (await client.get(f"/mails/{name}")).text
    assert "no HTML part" in (await client.get(f"/mails/{name}/html")).text
    assert (await client.get(f"/mails/{name}/content")).status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe garbage",
        b"Subject: =?utf-8?b?broken\r\nTo: <<>>,;:\r\n\r\nx",
        b"Content-Type: text/html; charset=nobody-knows\r\n\r\n<p>\xff</p>",
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n",
        b"Date: never\r\nFrom: \r\n\r\n",
    ],
)
async def test_a_mail_in_any_state_of_repair_can_be_looked_at(
    client: httpx2.AsyncClient, maildir: Path, content: bytes
) -> None:
    name = Maildir(maildir).add(content)
    assert (await client.get("/mails")).status_code == 200
    for view in ("", "/html", "/text", "/headers", "/source", "/message.eml"):
        assert (await client.get(f"/mails/{name}{view}")).status_code == 200


@pytest.mark.parametrize(
    "mail_id",
    ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "new%2fx", ".hidden", "x%00y", "nothing", "a:2,S"],
)
async def test_no_address_leads_out_of_the_maildir(client: httpx2.AsyncClient, maildir: Path, mail_id: str) -> None:
    (maildir / "secret").write_text("secret")
    (maildir / "new" / ".hidden").write_text("secret")
    answer = await client.get(f"/mails/{mail_id}/source")
    assert answer.status_code == 404
    assert "secret" not in answer.text


async def test_an_unknown_view_is_not_there(client: httpx2.AsyncClient, maildir: Path) -> None:
    name = Maildir(maildir).add(mail())
    assert (await client.get(f"/mails/{name}/nothing")).status_code == 404


async def test_mails_that_a_reader_moved_are_still_there(client: httpx2.AsyncClient, maildir: Path) -> None:
    name = Maildir(maildir).add(mail())
    (maildir / "new" / name).rename(maildir / "cur" / f"{name}:2,S")
    assert (await client.get(f"/mails/{name}")).status_code == 200


async def test_without_a_catcher_there_are_no_mails(store: SqlStore) -> None:
    app = create_app(store, LINKS, "Preprint", lambda: NOW, None, probes(store, lambda: {"ok": True}))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://news.example") as client:
        assert (await client.get("/mails")).status_code == 404
        assert "/mails" not in (await client.get("/")).text


async def test_an_old_link_still_works_years_later(
    client: httpx2.AsyncClient, store: SqlStore, subscriber: int
) -> None:
    link = path(subscriber)
    await store.set_status(subscriber, SubscriberStatus.ACTIVE, "came back", NOW + timedelta(days=2000))
    await client.post(link, content=ONE_CLICK, headers=FORM)
    assert await status(store, subscriber) is SubscriberStatus.UNSUBSCRIBED


def test_an_answer_in_two_writes_does_not_wait_for_the_receipt_of_the_first() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
