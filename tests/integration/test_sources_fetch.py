"""The client against a real server that behaves as badly as servers do."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from newsletter import __version__
from newsletter.model import Fault
from newsletter.sources.answers import Downloaded, NotModified, display_url
from newsletter.sources.fetch import Fetcher, FetchSettings
from tests.support.feed_server import FeedServer, Reply, conditional, running_feed_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SETTINGS: dict[str, Any] = {
    "contact_url": "https://news.example",
    "contact": "admin@news.example",
    "spacing_s": 0.0,
    "arxiv_spacing_s": 0.0,
    "allow_private_addresses": True,
}


@asynccontextmanager
async def fetching(**changes: Any) -> AsyncIterator[Fetcher]:
    """Run a client with settings for loopback."""
    fetcher = Fetcher(FetchSettings(**{**SETTINGS, **changes}))
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with running_feed_server() as played:
        yield played


async def fault_of(url: str, **changes: Any) -> Fault:
    """Return the fault that asking ``url`` comes to."""
    async with fetching(**changes) as fetcher:
        answer = await fetcher.get(url)
    assert isinstance(answer, Fault)
    assert "\n" not in answer.message
    return answer


def text_of(answer: object) -> bytes:
    """Return the body of a successful answer."""
    assert isinstance(answer, Downloaded), answer
    with answer.document.file as file:
        return file.read()


async def test_request_says_who_asks_and_nothing_else(server: FeedServer) -> None:
    url = server.play("/feed", Reply(body=b"<rss/>", headers=(("Set-Cookie", "id=1; Path=/"),)))
    async with fetching() as fetcher:
        assert text_of(await fetcher.get(url)) == b"<rss/>"
        assert text_of(await fetcher.get(url)) == b"<rss/>"

    headers = server.asked[1].headers
    assert headers["user-agent"] == f"newsletter/{__version__} (+https://news.example; admin@news.example)"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert not {"cookie", "referer", "if-none-match", "if-modified-since", "authorization"} & set(headers)


@pytest.mark.parametrize("etag", ['"quoted"', 'W/"weak"', "0f3a" * 16, "x" * 3000, '"caf\xe9"'])
async def test_validators_go_back_byte_for_byte(server: FeedServer, etag: str) -> None:
    modified = "Tue, 1 Jan 2030 25:00:00 +0000"  # no valid date, and none of our business
    url = server.play_by("/feed", conditional(b"<rss/>", etag, modified))
    async with fetching() as fetcher:
        first = await fetcher.get(url)
        assert text_of(first) == b"<rss/>"
        assert isinstance(first, Downloaded)
        second = await fetcher.get(url, first.etag, first.last_modified)

    assert second == NotModified(max_age_s=600)
    assert server.asked[1].headers["if-none-match"] == etag
    assert server.asked[1].headers["if-modified-since"] == modified


@pytest.mark.parametrize(
    ("reply", "kind", "retry_after_s", "words"),
    [
        (Reply(404), "status", None, "404 Not Found"),
        (Reply(410), "status", None, "gone for good"),
        (Reply(500), "status", None, "500"),
        (Reply(299), "status", None, "299"),
        (Reply(304 + 1), "status", None, "305"),
        (Reply(429), "throttled", None, "slow down"),
        (Reply(429, headers=(("Retry-After", "120"),)), "throttled", 120, "120 s"),
        (Reply(503), "status", None, "503"),
        (Reply(503, headers=(("Retry-After", "7200"),)), "throttled", 7200, "7200 s"),
        (Reply(406), "status", None, "406"),
        (Reply(403, headers=(("CF-Mitigated", "challenge"),)), "refused", None, "Cloudflare"),
        (Reply(200, b"x", (("Content-Encoding", "br"),)), "parse", None, "'br'"),
        (Reply(200, b"<rss>", length=50), "connect", None, "broke"),
        (Reply(200, b"<rss>", length=50, breaks=True), "connect", None, "broke"),
        (Reply(302, headers=(("Location", "file:///etc/passwd"),)), "refused", None, "only http and https"),
        (Reply(302, headers=(("Location", "//[bad"),)), "refused", None, "no web address"),
        (Reply(302), "status", None, "302"),
    ],
)
async def test_answers_that_are_no_feed(
    server: FeedServer, reply: Reply, kind: str, retry_after_s: float | None, words: str
) -> None:
    fault = await fault_of(server.play("/feed", reply))

    assert (fault.kind, fault.retry_after_s) == (kind, retry_after_s)
    assert words in fault.message


async def test_throttling_silences_the_host_for_everybody(server: FeedServer) -> None:
    url = server.play("/a", Reply(429, headers=(("Retry-After", "90"),)))
    async with fetching() as fetcher:
        await fetcher.get(url)
        fault = await fetcher.get(server.play("/b", Reply(body=b"<rss/>")))

    assert isinstance(fault, Fault)
    assert fault.kind == "throttled"
    assert fault.retry_after_s == pytest.approx(90, abs=2)
    assert len(server.asked) == 1


async def test_redirects_are_followed_within_limits(server: FeedServer) -> None:
    server.play("/end", Reply(body=b"<rss/>"))
    server.play("/middle", Reply(307, headers=(("Location", "/end?x=1#part"),)))
    start = server.play("/start?key=secret", Reply(404))
    server.play("/start", Reply(301, headers=(("Location", server.url("/middle")),)))
    async with fetching() as fetcher:
        answer = await fetcher.get(start, '"etag"')

    assert text_of(answer) == b"<rss/>"
    assert isinstance(answer, Downloaded)
    assert [asked.path for asked in server.asked] == ["/start?key=secret", "/middle", "/end?x=1"]
    assert "has moved for good" in answer.notes[0]
    assert "secret" not in answer.notes[0]


async def test_redirect_loop_ends(server: FeedServer) -> None:
    url = server.play("/loop", Reply(302, headers=(("Location", "/loop"),)))

    fault = await fault_of(url)

    assert (fault.kind, len(server.asked)) == ("status", 6)
    assert "more than 5 redirects" in fault.message


@pytest.mark.parametrize(
    ("reply", "changes"),
    [
        (Reply(body=b"<" * 40, pieces=40, pause_s=0.1), {"total_timeout_s": 0.3}),
        (Reply(body=b"<" * 40, pieces=2, pause_s=5), {"read_timeout_s": 0.2}),
    ],
)
async def test_slow_answers_end(server: FeedServer, reply: Reply, changes: dict[str, float]) -> None:
    async with asyncio.timeout(15):
        fault = await fault_of(server.play("/slow", reply), **changes)

    assert fault.kind == "timeout"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"x" * 200_000),
        Reply(body=b"x" * 10, length=60_000_000),
        Reply(body=gzip.compress(b"\0" * 3_000_000), headers=(("Content-Encoding", "gzip"),)),
    ],
)
async def test_documents_over_the_limit_are_not_read(server: FeedServer, reply: Reply) -> None:
    fault = await fault_of(server.play("/big", reply), most_wire_bytes=100_000, most_bytes=1_000_000)

    assert fault.kind == "too-large"
    assert "larger than" in fault.message


async def test_a_real_60_mb_feed_is_refused_with_the_default_limits(server: FeedServer) -> None:
    fault = await fault_of(server.play("/big", Reply(body=b"<rss>" * 12_000_000)))

    assert fault.kind == "too-large"
    assert "60 MB, larger than 20 MB" in fault.message


async def test_compressed_answer_is_decompressed(server: FeedServer) -> None:
    url = server.play("/gz", Reply(body=gzip.compress(b"<rss/>"), headers=(("Content-Encoding", "gzip"),)))
    async with fetching() as fetcher:
        assert text_of(await fetcher.get(url)) == b"<rss/>"


async def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    fault = await fault_of(f"http://user:secret@127.0.0.1:{port}/feed?token=secret")
    assert fault.kind == "connect"
    assert "secret" not in fault.message
    assert f"http://127.0.0.1:{port}/feed?…" in fault.message


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70 + ".example"])
async def test_name_without_address(host: str) -> None:
    fault = await fault_of(f"http://{host}/feed")

    assert fault.kind == "connect"
    assert f"{host} has no address" in fault.message


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example/x", "file:///etc/passwd", "/etc/passwd", "http://", "http://[bad", "", "http://a.example:99999/"],
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert (await fault_of(url)).kind == "refused"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"],
)
async def test_private_addresses_are_refused_unless_allowed(server: FeedServer, host: str) -> None:
    fault = await fault_of(f"http://{host}:{server.port}/feed", allow_private_addresses=False)

    assert fault.kind == "refused"
    assert "allow_private_addresses" in fault.message
    assert not server.asked


async def test_names_and_redirects_to_private_addresses_are_refused(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        assert (host, port) == ("rebound.example", server.port)
        return ["1.1.1.1", "127.0.0.1"]

    monkeypatch.setattr("newsletter.sources.guard.resolve", resolve)
    fault = await fault_of(f"http://rebound.example:{server.port}/feed", allow_private_addresses=False)

    assert fault.kind == "refused"
    assert not server.asked


async def test_connection_goes_to_the_checked_address_under_the_name(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]  # nobody listens at the first

    monkeypatch.setattr("newsletter.sources.guard.resolve", resolve)
    server.play("/feed", Reply(body=b"<rss/>"))
    async with fetching() as fetcher:
        assert text_of(await fetcher.get(f"http://some.example:{server.port}/feed")) == b"<rss/>"

    assert server.asked[0].headers["host"] == f"some.example:{server.port}"


async def test_requests_to_one_host_take_turns(server: FeedServer) -> None:
    async def answer(_: object) -> Reply:
        await asyncio.sleep(0.02)
        return Reply(body=b"<rss/>")

    url = server.play_by("/feed", answer)
    async with fetching(spacing_s=0.1) as fetcher:
        for reply in await asyncio.gather(*(fetcher.get(url) for _ in range(3))):
            text_of(reply)

    assert server.most_in_flight == 1
    # Arrivals wander when the machine is busy; two pauses are two pauses all the same.
    assert server.asked[-1].at_s - server.asked[0].at_s > 0.15


async def test_user_and_password_of_the_address_are_sent_and_never_shown(server: FeedServer) -> None:
    url = server.play("/feed", Reply(401)).replace("http://", "http://ann:secret@")
    fault = await fault_of(url)

    assert server.asked[0].headers["authorization"].startswith("Basic ")
    assert "secret" not in fault.message
    assert "ann" not in fault.message


async def test_proxy_of_the_environment_is_used(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url(""))
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.play("http://feeds.example/feed", Reply(body=b"<rss/>"))
    async with fetching(allow_private_addresses=False) as fetcher:
        assert text_of(await fetcher.get("http://feeds.example/feed")) == b"<rss/>"
        fault = await fetcher.get("http://10.0.0.1/feed")

    assert server.asked[0].path == "http://feeds.example/feed"
    assert isinstance(fault, Fault)
    assert fault.kind == "refused"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that names localhost, signed by itself, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    extra = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *extra], check=True, capture_output=True)
    bundle = folder / "both.pem"
    bundle.write_bytes(key.read_bytes() + cert.read_bytes())
    return bundle


async def tls_answer(certificate: Path, act: Callable[[FeedServer], str], **changes: Any) -> object:
    """Return what asking a TLS server comes to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with running_feed_server(context) as played, fetching(**changes) as fetcher:
        played.play("/feed", Reply(body=b"<rss/>"))
        return await fetcher.get(act(played))


async def test_unknown_certificate_is_a_tls_fault(certificate: Path) -> None:
    fault = await tls_answer(certificate, lambda played: played.url("/feed", "localhost"))

    assert isinstance(fault, Fault)
    assert fault.kind == "tls"
    assert "self-signed" in fault.message or "self signed" in fault.message


async def test_certificate_is_checked_against_the_name(certificate: Path) -> None:
    trusted = {"ca_file": certificate}
    answer = await tls_answer(certificate, lambda played: played.url("/feed", "localhost"), **trusted)
    assert text_of(answer) == b"<rss/>"

    fault = await tls_answer(certificate, lambda played: played.url("/feed", "127.0.0.1"), **trusted)
    assert isinstance(fault, Fault)
    assert fault.kind == "tls"


async def test_plain_http_where_tls_was_expected(server: FeedServer) -> None:
    fault = await fault_of(server.url("/feed").replace("http://", "https://"))

    assert fault.kind == "tls"


def test_display_url_hides_what_may_be_secret() -> None:
    assert display_url("https://u:p@h.example:8/x/y?k=s#f") == "https://h.example:8/x/y?…"
    assert display_url("https://h.example?k=s") == "https://h.example"
    assert display_url("nonsense?k=s") == "nonsense"
