"""The gallery: every mail in every theme, at both widths, light and dark, for ``docs/gallery.md``; part of
``make pictures``.
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from PIL import Image

from newsletter.core.address import parse_address
from newsletter.core.weekly import WEEKLY
from newsletter.mail.alert import AlertTemplate
from newsletter.mail.render import Renderer
from newsletter.mail.report import ReportTemplate, sample_report
from newsletter.mail.themes import THEMES
from newsletter.model import Frequency, Health, IssueKind, Notice, SourceNote
from newsletter.service.issue import stand_in
from newsletter.wiring.mail import brand_of, topic_urls
from newsletter.wiring.parts import build_issuer

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

    from newsletter.mail.brand import Brand
    from newsletter.model import Digest, Paper, Subscriber
    from newsletter.wiring.application import Application

VIEWS: Final[tuple[tuple[int, Literal["light", "dark"]], ...]] = (
    (600, "light"),
    (600, "dark"),
    (375, "light"),
    (375, "dark"),
)
MARGIN: Final = 24
COLOURS: Final = 96  # of a picture: enough for text, and a quarter of the size
WORDS: Final = {
    "digest": "The digest",
    "weekly": "The weekly form",
    "welcome": "Welcome",
    "quiet": "A quiet day",
    "confirmation": "Confirming a subscription",
    "reminder": "Already subscribed",
    "goodbye": "Goodbye",
    "address_change": "A change of address",
    "probe": "After returned mails",
    "report": "The operator's daily report",
    "alert": "An alert to the operator",
}
HEAD: Final = """# Gallery

Every mail in every theme, 600 and 375 pixels wide, in light and in dark, from the bundled papers. `make pictures`
takes them with the system's Chromium. How a theme is chosen: [templates.md](templates.md#themes).
"""


async def gallery(application: Application, browser: Browser, folder: Path) -> str:
    """Take all pictures, and return the page that shows them."""
    lines = [HEAD]
    for theme in THEMES:
        lines.append(f"## {theme.capitalize()}\n")
        mails = await every_mail_in(application, theme)
        for name, words in WORDS.items():
            path = folder / f"{theme}-{name.replace('_', '-')}.png"
            await take_sheet(browser, mails[name], path)
            seen = f"{words} in the theme {theme}: wide and narrow, light and dark"
            lines.append(f"**{words}**\n\n![{seen}](images/mails/{path.name})\n")
    return "\n".join(lines)


async def every_mail_in(application: Application, theme: str) -> dict[str, str]:
    """Return the HTML of each mail, by the name of its template."""
    look = THEMES[theme]
    brand = replace(
        brand_of(application.configuration),
        theme=look,
        light=look.light,
        dark=look.dark,
        web_url="https://news.example.org",
        postal_address="Example Institute, 1 Sample Street, 12345 Town",
    )
    reader, digest, papers = await sample_issue(application)
    mails = operators_mails(brand)
    renderer = Renderer(
        [],
        brand,
        application.links,
        {profile.name: profile.title for profile in application.configuration.profiles},
        topic_urls(application.configuration),
    )
    for kind in IssueKind:
        held = {IssueKind.DIGEST: digest, IssueKind.WELCOME: first_only(digest)}.get(kind)
        issue = held or replace(digest, sections=())
        issue = replace(issue, kind=kind, template=kind.value)
        mails[kind.value] = renderer.prepare(issue, papers).html(reader)
    weekly = replace(reader, frequency=Frequency.WEEKLY)
    _, week, papers = await sample_issue(application, each=4)
    mails[WEEKLY] = renderer.prepare(replace(week, template=WEEKLY), papers).html(weekly)
    return mails


async def sample_issue(application: Application, each: int = 2) -> tuple[Subscriber, Digest, dict[int, Paper]]:
    """Return a reader and what the bundled samples hold for them, so many papers of each topic, an editor's note on
    one.
    """
    now = application.now()
    profiles = ("vision-diffusion", "self-supervised")
    reader = replace(stand_in("", now), id=1, address=parse_address("ada@example.org"), profiles=profiles)
    (proposal,) = await build_issuer(application).propose([reader], now)
    sections = []
    for section in proposal.digest.sections[:3]:
        kept = section.papers[:each]
        sections.append(replace(section, papers=kept, omitted=section.omitted + len(section.papers) - len(kept)))
    first, *others = sections[0].papers
    noted = replace(
        first, note="The clearest account yet of why this works. Read section 4 first.", noted_by="the editor"
    )
    sections[0] = replace(sections[0], papers=(noted, *others))
    digest = replace(proposal.digest, kind=IssueKind.DIGEST, template="digest", sections=tuple(sections))
    notes = (SourceNote("arXiv", Health.FRESH, 53), SourceNote("Hugging Face", Health.FRESH, 13))
    return reader, replace(digest, notes=notes), dict(proposal.papers)


def first_only(digest: Digest) -> Digest:
    """Return a digest of one paper."""
    section = digest.sections[0]
    return replace(digest, sections=(replace(section, papers=section.papers[1:2], omitted=0),))


def operators_mails(brand: Brand) -> dict[str, str]:
    """Return the HTML of the operator's mails."""
    now = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
    notices = [
        Notice(
            "source:biorxiv", "the source biorxiv cannot be read: no answer in 90 seconds", now - timedelta(hours=6)
        ),
        Notice("queue", "mails that are due have been waiting for 2 hours", now - timedelta(hours=9), is_over=True),
    ]
    return {
        "alert": AlertTemplate(brand).fill(notices, now)[1],
        "report": ReportTemplate(brand).fill(sample_report(), now)[1],
    }


async def take_sheet(browser: Browser, html: str, path: Path) -> None:
    """Keep one picture with all views of a mail side by side."""
    shots = [Image.open(io.BytesIO(await _shot(browser, html, width, scheme))) for width, scheme in VIEWS]
    width = sum(shot.width for shot in shots) + MARGIN * (len(shots) + 1)
    sheet = Image.new("RGB", (width, max(shot.height for shot in shots) + 2 * MARGIN), "#c9c6c0")
    left = MARGIN
    for shot in shots:
        sheet.paste(shot, (left, MARGIN))
        left += shot.width + MARGIN
    keep(sheet, path)


def keep(picture: Image.Image, path: Path) -> None:
    """Keep a picture in few colours."""
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stdout.write(f"{path} {path.stat().st_size // 1000} kB\n")


async def _shot(browser: Browser, html: str, width: int, scheme: Literal["light", "dark"]) -> bytes:
    context = await browser.new_context(viewport={"width": width, "height": 200}, color_scheme=scheme)
    page = await context.new_page()
    await page.set_content(html)
    picture = await page.screenshot(full_page=True)
    await context.close()
    return picture
