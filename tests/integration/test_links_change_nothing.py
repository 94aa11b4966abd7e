"""Whatever fetches links, and whatever invents them, changes nothing: each link of each mail and page, each token."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from newsletter.core.links import Links
from newsletter.model import IssueKind
from tests.support.site import NOBODY, Site, buttons_on, filled, kinds_of, links_on, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.routing import Route

MOST_PAGES: Final = 1000
LETTERS: Final = "ABCabc012._-~%"
ADMINS: Final = ("issues", "deliveries", "sources", "relays", "bounces", "suppression", "growth", "profiles")
ALL_AT_ONCE: Final = {
    "List-Unsubscribe": "One-Click",
    **dict.fromkeys(("leave", "undo", "erase", "agree", "resume", "confirm", "save", "forget"), "yes"),
    "less": "weekly",
    "pause": "week",
    "until": "2099-01-01",
    "vote": "up",
    "address": "other@example.org",
    "answer": "yes",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation that has sent mails of most kinds."""
    with Site(tmp_path_factory.mktemp("site") / "config") as site:
        yield site


def token_routes(site: Site) -> list[Route]:
    """Return every route that takes a token, whoever made it."""
    return [route for route in site.routes() if "{token}" in route.path]


# --- What only reads --------------------------------------------------------------------------------------------------


def test_no_link_of_any_mail_or_page_changes_anything(site: Site) -> None:
    assert kinds_of(site.mails) == set(IssueKind)
    before = site.contents()
    now = site.application.now()
    assert site.ask_as_admin("GET", "/admin").status_code == 200
    waiting = {link for link in site.mail_links() if link.startswith("/")} | {"/"}
    assert {link.split("/")[1] for link in waiting} >= {"unsubscribe", "manage", "address", "confirm"}
    by_mail = frozenset(waiting)
    waiting |= {"/admin", *(f"/admin/{name}" for name in ADMINS)}
    waiting |= {filled(route.path, "x") for route in site.routes() if "{token}" not in route.path}
    for who in (site.reader.id, NOBODY):
        tokens = tokens_of(site.links, who, now)
        waiting |= {
            filled(route.path, tokens[kind])
            for route in token_routes(site)
            if (kind := route.path.split("/")[1]) in tokens
        }
    first, seen = frozenset(waiting), set[str]()
    while waiting and len(seen) < MOST_PAGES:
        path = min(waiting, key=lambda each: (each not in first, each.count("/") + each.count("="), each))
        waiting.discard(path)
        seen.add(path)
        ask = site.ask_as_admin if path.startswith("/admin") else site.ask
        page = ask("GET", path)
        assert page.status_code != 500, path
        if path in by_mail:
            assert site.ask("HEAD", path).status_code in {page.status_code, 405}
        if page.headers.get("content-type", "").startswith("text/html"):
            waiting |= {link for link in links_on(page.text) if "lang=" not in link} - seen
    assert waiting == set(), f"more than {MOST_PAGES} pages"
    visited = {route.path for path in seen if (route := site.route_of(path)) is not None}
    unvisited = {route.path for route in site.routes() if "GET" in (route.methods or ())} - visited
    assert unvisited == set()
    assert site.contents() == before


@pytest.mark.parametrize("first", ["unsubscribe", "confirm", "undo", "manage", "address", "v", "curate"])
def test_a_hundred_fetches_of_a_link_change_nothing(site: Site, first: str) -> None:
    """As scanners and mail programs do before anybody has read the mail."""
    links = [link for link in site.mail_links() if link.startswith(f"/{first}/")]
    links += [f"/{first}/{tokens_of(site.links, site.reader.id, site.application.now())[first]}"]
    before = site.contents()
    statuses = {site.ask(method, links[0]).status_code for _ in range(50) for method in ("GET", "HEAD")}
    assert len(statuses) == 1
    assert statuses <= {200, 404}
    assert site.contents() == before


# --- What every answer says -------------------------------------------------------------------------------------------

POLICIES: Final = {"default-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'", "form-action": "'self'"}


def test_every_answer_carries_its_headers_and_readers_get_no_cookie(site: Site) -> None:
    tokens = tokens_of(site.links, site.reader.id, site.application.now())
    paths = {filled(route.path, tokens.get(route.path.split("/")[1], "x")) for route in site.routes()}
    statuses = set()
    for method, path in [(method, path) for path in sorted({*paths, "/nothing"}) for method in ("GET", "DELETE")]:
        answer = site.ask(method, path)
        statuses.add(answer.status_code)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        policies = {"no-referrer", "same-origin"} if path.startswith("/admin") else {"no-referrer"}
        assert answer.headers["referrer-policy"] in policies, path
        assert answer.headers["cross-origin-opener-policy"] == "same-origin", path
        assert "cache-control" in answer.headers, path
        policy = answer.headers["content-security-policy"]
        said = dict(part.strip().split(" ", 1) for part in policy.split(";") if " " in part.strip())
        if not path.endswith("/content"):  # a caught mail, shut away in a frame of its own
            assert POLICIES.items() <= said.items(), path
            assert "unsafe" not in policy, path
            assert ("script-src" in said) == (path == "/subscribe" and method == "GET"), path
        assert "set-cookie" not in answer.headers, path
    assert statuses >= {200, 302, 404, 405}
    assert site.ask("POST", "/subscribe", content=b"x" * 100_000).status_code in {400, 413}


# --- What is invented -------------------------------------------------------------------------------------------------


def test_each_route_with_a_token_has_links_of_ours(site: Site) -> None:
    tokens = tokens_of(site.links, site.reader.id, site.application.now())
    assert len(token_routes(site)) >= 10
    assert {route.path.split("/")[1] for route in token_routes(site)} <= set(tokens)


def test_good_links_are_good(site: Site) -> None:
    """Without this, the tests below would pass where no link works at all."""
    for first in ("unsubscribe", "manage"):
        token = tokens_of(site.links, site.reader.id, site.application.now())[first]
        page = site.ask("GET", f"/{first}/{token}")
        assert page.status_code == 200
        assert set(buttons_on(page.text)) & set(ALL_AT_ONCE) or first == "manage"


def same(one: str, other: str) -> bool:
    """Return whether two tokens are one to the library: the last letter of a signature has two bits too many."""
    return _octets(one) == _octets(other)


def _octets(token: str) -> tuple[str, bytes]:
    payload, _, signature = token.rpartition(".")
    try:
        return payload, urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except ValueError:
        return payload, signature.encode("utf-8", "surrogatepass")


@st.composite
def invented(draw: st.DrawFn, good: dict[str, str], own: str, foreign: dict[str, str]) -> str:
    """Return a token that is none for the path that begins with ``own``: made from good ones, or from nothing."""
    token, other = good[own], good[draw(st.sampled_from(sorted(set(good) - {own})))]
    at = draw(st.integers(0, len(token) - 1))
    payload, _, signature = token.rpartition(".")
    made = draw(
        st.sampled_from(
            (
                token[:at],
                token[at + 1 :],
                token[:at] + draw(st.sampled_from(LETTERS)) + token[at + 1 :],
                token + draw(st.text(LETTERS, min_size=1, max_size=400)),
                other,
                f"{payload}.{other.rpartition('.')[2]}",
                f"{other.rpartition('.')[0]}.{signature}",
                foreign[own],
                draw(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=60)),
            )
        )
    )
    assume(made.strip(".") and not same(made, token))
    return made


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_invented_tokens_change_nothing_and_tell_nothing(site: Site) -> None:
    routes, now = token_routes(site), site.application.now()
    here = {who: tokens_of(site.links, who, now) for who in (site.reader.id, NOBODY)}
    foreign = tokens_of(Links("the secret of another installation", site.links.base_url), site.reader.id, now)
    before = site.contents()

    @given(data=st.data(), route=st.sampled_from(routes), who=st.sampled_from(sorted(here)))
    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    def fuzz(data: st.DataObject, route: Route, who: int) -> None:
        token = data.draw(invented(here[who], route.path.split("/")[1], foreign))
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            form = ALL_AT_ONCE if method == "POST" else None
            answer = site.ask(method, filled(route.path, quote(token, safe="")), data=form)
            nothing = site.ask(method, filled(route.path, "x"), data=form)
            assert 400 <= answer.status_code < 500
            assert (answer.status_code, answer.text) == (nothing.status_code, nothing.text)

    fuzz()
    assert site.contents() == before


def test_whoever_invents_a_token_cannot_tell_by_the_time_it_takes(site: Site) -> None:
    """Nothing is asked of the store before a token is found to be ours."""
    good = tokens_of(site.links, site.reader.id, site.application.now())
    asked: list[str] = []

    def note(*said: object) -> None:
        asked.append(str(said[2]))

    engine = site.application.store.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    for route in token_routes(site):
        payload, _, signature = good[route.path.split("/")[1]].rpartition(".")
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            form = ALL_AT_ONCE if method == "POST" else None
            answer = site.ask(method, filled(route.path, f"{payload}.{signature[::-1]}"), data=form)
            assert answer.status_code == 404, route.path
            assert asked == [], route.path
    event.remove(engine, "before_cursor_execute", note)


def test_tokens_that_have_expired_change_nothing_and_tell_nothing(site: Site) -> None:
    now = site.application.now()
    old, new = (tokens_of(site.links, site.reader.id, when) for when in (now - timedelta(days=400), now))
    dated = {first for first in old if old[first] != new[first]}
    assert {"address", "undo", "confirm"} <= dated
    nobodys = tokens_of(site.links, NOBODY, now - timedelta(days=400))
    before = site.contents()
    for route in token_routes(site):
        first = route.path.split("/")[1]
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}) if first in dated else ():
            form = ALL_AT_ONCE if method == "POST" else None
            answers = [site.ask(method, filled(route.path, each[first]), data=form) for each in (old, nobodys)]
            assert 400 <= answers[0].status_code < 500, route.path
            assert [each.text for each in answers[1:]] == [answers[0].text], route.path
    assert site.contents() == before
