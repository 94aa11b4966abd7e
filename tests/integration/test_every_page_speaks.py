"""Every page and mail in a language that marks what it says: whatever is not marked, and nobody's data, is found."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import httpx2
import structlog

from newsletter.core.text import readable, readable_name
from newsletter.daemon.process import Daemon
from newsletter.mail.sample import sample_digest
from newsletter.model import IssueKind
from newsletter.settings.values import zone_names
from newsletter.wiring.application import open_application
from tests.support.mails import BRAND, digest_of, make_renderer
from tests.support.pictures import make_configuration
from tests.support.pseudo import CODE, speak_pseudo, unmarked
from tests.support.real_papers import real_papers
from tests.support.samples import make_subscriber

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

    from newsletter.model import Digest, Paper, Profile
    from newsletter.wiring.application import Application

SAID: Final = ("title", "alt", "placeholder", "aria-label", "aria-description")
WORD: Final = re.compile(r"[^\W\d_]{2,}")
# The same in every language: formats, and names of things that are not ours.
NAMES: Final = frozenset(
    ("atom", "json", "feed", "bibtex", "ris", "pdf", "html", "utc", "hugging", "face", "csv", "cs")
)
OPERATORS: Final = re.compile(
    r"/(?:admin|api|metrics|healthz|readyz|style|favicon)|/mails/[^/]+/(?:source|headers|message)"
)
READER: Final = make_subscriber()
KINDS: Final = 2  # pages of one kind that are looked at


class Read(HTMLParser):
    """What a page says, where it leads, and its forms; what is marked as English is left out."""

    VOID = frozenset(["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"])

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self._silent: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        is_silent = any(self._silent) or tag in ("style", "code", "textarea") or is_foreign(tag, values)
        if tag not in self.VOID:
            self._silent.append(is_silent)
        if not is_silent:
            self.texts += [values[name] for name in SAID if name in values]
        self.links += [values[name] for name in ("href", "src") if name in values and tag != "link"]
        if tag == "form":
            self.forms.append((values.get("method", "get"), values.get("action", ""), {}))
        elif tag in ("input", "button", "select") and self.forms and values.get("name"):
            is_off = values.get("type") in ("checkbox", "radio") and "checked" not in values
            if not is_off:
                self.forms[-1][2].setdefault(values["name"], values.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self._silent:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._silent):
            self.texts.append(data)


def is_foreign(tag: str, values: dict[str, str]) -> bool:
    """Whether an element says of itself that it is in another language."""
    return tag != "html" and "lang" in values and values["lang"] != CODE


def read(html: str) -> Read:
    reader = Read()
    reader.feed(html)
    reader.close()
    return reader


def words(texts: Iterable[str]) -> set[str]:
    """Return the words that are not marked; a mark may begin in one piece of text and end in another."""
    return {word.casefold() for word in WORD.findall(unmarked(without_links("\n".join(texts))))}


def told_of(papers: Iterable[Paper]) -> Iterable[str]:
    for paper in papers:
        yield from (readable(paper.title), readable(paper.abstract), readable(paper.comment or ""))
        yield from map(readable_name, paper.authors)
        yield from (*paper.categories, paper.url or "", paper.journal_reference or "")


def told_by(profiles: Iterable[Profile]) -> Iterable[str]:
    for profile in profiles:
        yield from (profile.name, profile.title, profile.description, *profile.authors)
        for topic in profile.topics:
            yield from (topic.name, topic.query or "", *(keyword.text for keyword in topic.keywords))


async def data_words(application: Application) -> set[str]:
    """Return every word that is somebody's data."""
    store, settings = application.store, application.configuration.settings
    papers = (await store.papers(range(1, 200))).values()
    texts = [*told_of(papers), *told_by(application.configuration.profiles), *await store.source_states()]
    texts += [
        settings.newsletter.name,
        settings.mail.sender.address.text,
        settings.mail.sender.name,
        settings.web.base_url,
    ]
    people = await store.subscribers(range(1, 9))
    texts += [
        *zone_names(),
        settings.web.base_url,
        *(f"{person.address.text} {person.zone}" for person in people.values()),
    ]
    return words(texts)


class Walk:
    """Follows every link and then posts every form, a few of each kind, and notes what is not marked."""

    def __init__(self, client: httpx2.AsyncClient, known: set[str]) -> None:
        self.client, self.known = client, known
        self.kinds: dict[str, int] = {}
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.found: dict[str, list[str]] = {}

    def is_new(self, address: str) -> bool:
        """Whether this is one of the first pages of its kind: of its path, but for numbers and names."""
        parts = urlsplit(address)
        if parts.netloc not in ("", urlsplit(str(self.client.base_url)).netloc) or OPERATORS.match(parts.path):
            return False
        kind = "/".join("*" if len(each) > 14 or re.search(r"\d", each) else each for each in parts.path.split("/")[:4])
        kind = re.sub(r"/topics/[^/]+", "/topics/*", kind) + "?" + ",".join(re.findall(r"(\w+)=", parts.query))
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        return self.kinds[kind] <= KINDS

    async def follow(self, start: str) -> None:
        waiting, seen = [start], {start}
        while waiting:
            address = waiting.pop(0)
            for link in await self.look(address, await self.client.get(address)):
                if link not in seen and self.is_new(link):
                    seen.add(link)
                    waiting.append(link)

    async def look(self, address: str, answer: httpx2.Response) -> list[str]:
        assert answer.status_code < 500, address
        if answer.is_redirect:
            return [urljoin(address, answer.headers["location"])]
        if not answer.headers.get("content-type", "").startswith("text/html"):
            return []
        page = read(answer.text)
        left = words(page.texts) - self.known - NAMES
        if left:
            self.found[address] = sorted(left)
        self.forms += [(urljoin(address, action), fields) for method, action, fields in page.forms if method == "post"]
        return [
            urljoin(address, link).partition("#")[0] for link in page.links if not link.startswith(("data:", "mailto:"))
        ]

    async def post_forms(self) -> None:
        for address, fields in list(self.forms):
            if self.is_new(f"{address}#{sorted(fields)}"):
                for link in await self.look(f"POST {address}", await self.client.post(address, data=fields)):
                    if link not in self.kinds and self.is_new(link):
                        await self.look(link, await self.client.get(link))


async def test_every_page_says_everything_through_the_catalogues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_pseudo(monkeypatch)
    make_configuration(tmp_path / "config")
    urls: list[str] = []
    async with open_application(tmp_path / "config") as application:
        daemon = Daemon(application, urls.append, port=0)
        with structlog.testing.capture_logs():
            running = asyncio.create_task(daemon.run())
            try:
                async with httpx2.AsyncClient(headers={"Accept-Language": CODE}, timeout=30) as client:
                    await until_mailed(client, urls)
                    client.base_url = httpx2.URL(urls[0])
                    walk = Walk(client, await data_words(application))
                    await walk.follow(urls[0] + "/")
                    await walk.post_forms()
            finally:
                daemon.running.end()
                await running
    assert walk.found == {}, walk.found
    assert len(walk.kinds) > 20


async def until_mailed(client: httpx2.AsyncClient, urls: list[str]) -> None:
    """Wait until the first mail has been caught."""
    for _ in range(600):
        if urls and 'class="subject"' in (await client.get(f"{urls[0]}/mails")).text:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no mail was caught")


def test_every_mail_says_everything_through_the_catalogues(monkeypatch: pytest.MonkeyPatch) -> None:
    speak_pseudo(monkeypatch)
    renderer, papers = make_renderer(), real_papers(20)
    long = digest_of(papers, ("Reinforcement learning", "Language models"), "learning"), papers
    mails = {kind.value: sample_digest(kind) for kind in IssueKind} | {"long": long}
    found = {}
    for name, (digest, held) in mails.items():
        prepared = renderer.prepare(digest, held)
        page = read(prepared.html(READER))
        data = [*told_of(held.values()), *told_in(digest), *map(str, asdict(BRAND).values())]
        data += [READER.address.text, READER.zone, *READER.profiles, "Diffusion models"]
        left = words([*page.texts, prepared.text(READER), prepared.subject]) - words(data) - NAMES
        if left:
            found[name] = sorted(left)
    assert found == {}


def told_in(digest: Digest) -> Iterable[str]:
    for section in digest.sections:
        yield from (section.topic, section.profile_title)
        yield from (reason.text for paper in section.papers for reason in paper.reasons)
        yield from (paper.note for paper in section.papers)
    yield from (note.source for note in digest.notes)


def without_links(text: str) -> str:
    return re.sub(r"https?://\S+|mailto:\S+", "", text)
