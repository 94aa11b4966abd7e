"""Takes the pictures of the documents: ``make pictures``, with the system's Chromium, from the bundled samples."""

from __future__ import annotations

import asyncio
import io
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import structlog
import yaml
from PIL import Image
from playwright.async_api import async_playwright

from newsletter.core.address import parse_address
from newsletter.daemon.pages import signup_parts
from newsletter.daemon.running import Running
from newsletter.mail.catcher import Catcher
from newsletter.mail.chromium import find_chromium
from newsletter.model import Consent, IssueKind, Keyword, Origin, SubscriberDraft
from newsletter.notify import Notifier
from newsletter.service.collect import collect
from newsletter.service.issue import stand_in
from newsletter.settings.example import write_example
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from newsletter.web.server import serve
from newsletter.wiring.application import open_application
from newsletter.wiring.mail import build_renderer, build_transport
from newsletter.wiring.parts import build_issuer, build_parts
from tests.support.gallery import gallery, keep
from tests.support.postfix import free_port

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from newsletter.wiring.application import Application

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READERS = {
    "ada@example.org": ("vision-diffusion", "self-supervised"),
    "ben@example.org": ("reinforcement-learning",),
    "chloe@example.org": ("language-models", "trending"),
    "dana@example.org": ("self-supervised",),
}


@dataclass(frozen=True)
class Picture:
    """One picture: of what, how wide and high in CSS pixels, and how many pixels each of these has."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"] = "light"
    scale: float = 4 / 3

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return FOLDER / f"{self.name}.png"


DIGESTS = (
    Picture("digest-light", 600, 850),
    Picture("digest-dark", 600, 850, "dark"),
    Picture("digest-phone", 390, 780),
)
MAILS = Picture("mails", 900, 560)
FRONTS = (
    Picture("front-light", 1200, 900, scale=1),
    Picture("front-phone", 390, 780),
)
SUBSCRIBE = Picture("subscribe", 900, 1000, scale=1)
CHOICES = Picture("manage-light", 1000, 940, scale=1)
LEAVING = Picture("leave-phone", 390, 780, "dark")


def make_configuration(directory: Path) -> None:
    """Write the shipped configuration on free ports, with the bundled samples as its only sources."""
    write_example(directory)
    path = directory / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text())
    for name in ("arxiv", "huggingface"):
        del settings["sources"][name]
    settings["mail"]["catcher"]["port"] = 0
    settings["web"]["port"] = free_port()  # a known one, for the links in the mails
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


async def send_digests(application: Application) -> str:
    """Collect the samples, send everybody's digest to the mail catcher, and return the HTML of the first."""
    async with AsyncExitStack() as stack:
        catcher = Catcher("127.0.0.1", 0, application.maildir)
        await catcher.start()
        stack.push_async_callback(catcher.aclose)
        application.catcher_port = catcher.port
        parts = build_parts(application)
        stack.push_async_callback(parts.aclose)
        await collect(application.store, parts.sources, application.now)
        return await deliver_digests(application)


async def deliver_digests(application: Application) -> str:
    """Send what each reader's ordinary digest would be; return the HTML of the first reader's."""
    now = application.now()
    transport, renderer, issuer = build_transport(application), build_renderer(application), build_issuer(application)
    pages = []
    for number, (text, profiles) in enumerate(READERS.items(), start=1):
        address = parse_address(text)
        reader = replace(stand_in("", now), id=number, address=address, profiles=profiles)
        (proposal,) = await issuer.propose([reader], now)
        digest = replace(proposal.digest, kind=IssueKind.DIGEST, template=IssueKind.DIGEST.value)
        prepared = renderer.prepare(digest, proposal.papers)
        message = prepared.compose(reader, f"<{number}@example.org>", now)
        await transport.send(message, "digest@example.org", address)
        pages.append(prepared.html(reader))
    await transport.aclose()
    return pages[0]


async def add_reader(application: Application) -> int:
    """Store somebody with choices of their own, and return their id."""
    now, profiles = application.now(), ("vision-diffusion", "self-supervised")
    keywords = (Keyword("protein folding"), Keyword("graph*"))
    draft = SubscriberDraft(
        parse_address("ada@example.org"), profiles=profiles, keywords=keywords, zone="Europe/London"
    )
    return (await application.store.add_subscriber(draft, Consent("picture", now), Origin.STORE, now)).id


async def take(browser: Browser, picture: Picture, source: str) -> None:
    """Take a picture of an address, or of HTML."""
    context = await browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,
        device_scale_factor=picture.scale,
    )
    page = await context.new_page()
    if source.startswith("http"):
        await page.goto(source)
        await page.wait_for_load_state("networkidle")
    else:
        await page.set_content(source)
    shot = await page.screenshot()
    await context.close()
    keep(Image.open(io.BytesIO(shot)), picture.path)


async def no_figures(_: str) -> tuple[bytes, str]:
    """Return what nobody asks for while pictures are taken."""
    return b"", "text/plain"


async def main() -> None:
    """Take them all."""
    program = find_chromium()
    (FOLDER / "mails").mkdir(parents=True, exist_ok=True)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        make_configuration(folder / "config")
        application = await stack.enter_async_context(open_application(folder / "config"))
        digest = await send_digests(application)
        pages = create_app(
            application.store,
            application.links,
            application.configuration.settings.newsletter.name,
            application.now,
            application.maildir,
            Probes(lambda: {"ok": True}, list, application.store.check_schema, no_figures),
        )
        front = create_app(
            application.store,
            application.links,
            application.configuration.settings.newsletter.name,
            application.now,
            None,
            Probes(lambda: {"ok": True}, list, application.store.check_schema, no_figures),
            lambda: application.profiles,
            signup=signup_parts(Running(application, Notifier(""))),
        )
        port = await serve(pages, "127.0.0.1", 0, stack)
        front_port = await serve(front, "127.0.0.1", 0, stack)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        for picture in DIGESTS:
            await take(browser, picture, digest)
        for picture in FRONTS:
            await take(browser, picture, f"http://127.0.0.1:{front_port}/")
        await take(browser, SUBSCRIBE, f"http://127.0.0.1:{front_port}/subscribe?profile=language-models")
        reader = await add_reader(application)
        own = {CHOICES: application.links.manage_url(reader), LEAVING: application.links.unsubscribe_url(reader)}
        for picture, url in own.items():
            await take(browser, picture, url.replace(application.links.base_url, f"http://127.0.0.1:{front_port}"))
        await take(browser, MAILS, f"http://127.0.0.1:{port}/mails")
        page = await gallery(application, browser, FOLDER / "mails")
        await browser.close()
    (FOLDER.parent / "gallery.md").write_text(page, "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
