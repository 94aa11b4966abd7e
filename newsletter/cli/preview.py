"""Looking at a mail before it is sent, or long after: ``preview``."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import run
from newsletter.cli.findings import show_findings
from newsletter.cli.inspection import WhoArgument, message_id, reader_of
from newsletter.cli.options import (
    AsJson,
    member_of,
)
from newsletter.cli.output import heading, note, print_fields, print_json, print_table
from newsletter.errors import NewsletterError
from newsletter.mail.chromium import NAMES, TALLEST, VARIABLE, Chromium, file_name, find_chromium
from newsletter.mail.examine import examine, overhang_finding
from newsletter.mail.sample import sample_digest
from newsletter.model import IssueKind
from newsletter.service.preview import Provenance, ShownMail, mail_of_day
from newsletter.wiring.mail import build_renderer
from newsletter.wiring.parts import build_issuer

if TYPE_CHECKING:
    from newsletter.core.findings import Finding
    from newsletter.mail.examine import MailReport
    from newsletter.wiring.application import Application

WIDTHS = (600, 375)
"""CSS pixels: what a mail is as wide as on a desk, and on a telephone."""

DayOption = Annotated[
    datetime | None,
    typer.Option(
        "--day", formats=["%Y-%m-%d"], metavar="DATE", help="The issue of this day; default: what they would get now."
    ),
]
PngOption = Annotated[
    Path | None,
    typer.Option(
        "--png", metavar="DIR", help="Write pictures here, 600 and 375 px wide, light and dark; needs Chromium."
    ),
]


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail to be looked at, in each of its forms."""

    mail: ShownMail
    subject: str
    html: str
    text: str
    message: bytes


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(preview)


def preview(  # noqa: PLR0913 (each is an option)
    context: typer.Context,
    who: WhoArgument,
    *,
    day: DayOption = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="F", help="Write the HTML part here.")] = None,
    text: Annotated[Path | None, typer.Option("--text", metavar="F", help="Write the plain-text part here.")] = None,
    eml: Annotated[Path | None, typer.Option("--eml", metavar="F", help="Write the whole message here.")] = None,
    png: PngOption = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="An invented mail of this kind instead.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Show the HTML part in a browser.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Say how large it is, where its links lead, and what filters may mind.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the digest that somebody, or a profile's next new reader, gets. Nothing is stored or sent.

    Without an option the plain-text part is printed. An issue that was planned is shown as it was; of a day without
    one, what it would have held. Kinds are digest, welcome, quiet, probe, confirmation, reminder, goodbye and
    address_change; the links in an invented mail open nothing. With --report or --json the exit code is 1 when
    something is wrong with the mail, and with --png where no Chromium is found ($CHROMIUM names one).

    \b
    Examples:
      newsletter preview reader@example.org --open
      newsletter preview language-models --day 2026-11-24 --html digest.html
      newsletter preview language-models --png pictures --report
      newsletter preview language-models --kind confirmation
    """
    of_kind = member_of(IssueKind, kind, "--kind")
    found = run(context, lambda application: _preview(application, who, day.date() if day else None, of_kind))
    if open_it and html is None:
        html = Path(mkdtemp(prefix="newsletter-")) / "digest.html"
    for path, content in ((html, found.html.encode()), (text, found.text.encode()), (eml, found.message)):
        if path is not None:
            _write(path, content)
    if open_it and html is not None:
        webbrowser.open(html.resolve().as_uri())
    findings = _take_pictures(found.html, png) if png else []
    if report or as_json:
        _tell(found, findings, as_json=as_json)
    elif html is text is eml is png is None:
        typer.echo(f"Subject: {found.subject}\n\n{found.text}")


async def _preview(application: Application, who: str, day: date | None, kind: IssueKind | None) -> Preview:
    mail = await _shown(application, who, day, kind)
    prepared = build_renderer(application).prepare(mail.digest, mail.papers)
    reader = mail.subscriber
    message = prepared.compose(reader, message_id(application), application.now())
    return Preview(mail, prepared.subject, prepared.html(reader), prepared.text(reader), message)


async def _shown(application: Application, who: str, day: date | None, kind: IssueKind | None) -> ShownMail:
    """Return the mail to be shown and its reader: that of a day, or an invented one of a kind."""
    reader = await reader_of(application, who)
    if kind is None:
        return await mail_of_day(application.store, build_issuer(application), reader, day, application.now())
    digest, papers = sample_digest(kind)
    digest = replace(digest, language=reader.language, issue_date=day or digest.issue_date)
    return ShownMail(reader, digest, papers, Provenance.INVENTED)


def _take_pictures(html: str, folder: Path) -> list[Finding]:
    """Write the pictures, and return whether the mail fits; NewsletterError where there is no Chromium."""
    program = find_chromium()
    if program is None:
        raise NewsletterError(
            f"no pictures were taken, for there is no Chromium: neither {', '.join(NAMES)} nor what {VARIABLE} names; "
            "install one (on Debian: apt install chromium), or leave --png out"
        )
    with suppress(FileExistsError):
        folder.mkdir(parents=True)
    findings = []
    with Chromium(program) as chromium:
        for width in WIDTHS:
            light, dark = chromium.picture(html, width), chromium.picture(html, width, dark=True)
            _write(folder / file_name(width, dark=False), light.png)
            _write(folder / file_name(width, dark=True), dark.png)
            if light.is_cut:
                note(f"the mail is {light.height:,} px high, and its pictures end at {TALLEST:,}")
            findings.append(overhang_finding(width, max(light.overhang, dark.overhang)))
    return findings


def _tell(found: Preview, seen: list[Finding], *, as_json: bool) -> None:
    """Print the report; exit code 1 when something is wrong."""
    examined = examine(found.message)
    examined = replace(examined, findings=(*examined.findings, *seen))
    if as_json:
        print_json(_document(found, examined))
    else:
        _print_report(found, examined)
    if examined.has_problem:
        raise typer.Exit(1)


def _document(found: Preview, report: MailReport) -> dict[str, object]:
    digest = found.mail.digest
    return {
        "subject": found.subject,
        "kind": digest.kind,
        "day": digest.issue_date,
        "provenance": found.mail.provenance,
        "papers": len(digest.paper_ids),
        "octets": asdict(report.sizes),
        "images": report.images,
        "links": [asdict(link) for link in report.links],
        "findings": [asdict(finding) for finding in report.findings],
    }


def _print_report(found: Preview, report: MailReport) -> None:
    digest, sizes = found.mail.digest, report.sizes
    print_fields(
        [
            ("subject", found.subject),
            ("mail", f"{digest.kind} of {digest.issue_date}, {found.mail.provenance}"),
            ("octets", f"{sizes.message:,} to send; HTML {sizes.html:,}, text {sizes.text:,}"),
        ]
    )
    typer.echo()
    show_findings(list(report.findings), as_json=False)
    heading("Links")
    rows = [(link.count, link.words, link.url, link.fault) for link in report.links]
    print_table(("times", "words", "leads to", "fault"), rows, wide="leads to")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise NewsletterError(f"{path} cannot be written: {error.strerror}") from error
    note(f"wrote {path}")
