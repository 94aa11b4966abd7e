"""Whether the relay takes our mail, readers reach our pages, and the machine is fit: judged from what was seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from newsletter.core.findings import Finding, RelayAnswer, WebAnswer, ok, problem, skipped, unchecked, warning

if TYPE_CHECKING:
    from datetime import datetime, timedelta

SOON_DAYS: Final = 14
SLOW_S: Final = 30.0  # more than the second that HTTP counts in, and a slow answer
WRONG_S: Final = 300.0
LITTLE_BYTES: Final = 1_000_000_000
NO_BYTES: Final = 100_000_000
FAULT_ADVICE: Final = {
    "connect": "see that host and port are right (mail.relay), that it runs, and that no firewall is in the way",
    "tls": "set mail.relay.tls to what it offers, mail.relay.host to the name in its certificate, or ca_file",
    "auth": "correct mail.relay.username and password; some providers want a password made for programs",
}
OK_STATUS: Final = 200
BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404
CLIENT_ERROR: Final = 400
REDIRECTION: Final = 300


def judge_relay(answer: RelayAnswer, *, is_local: bool, has_login: bool, now: datetime) -> list[Finding]:
    """Judge how a session with the relay opened."""
    if answer.fault:
        advice = FAULT_ADVICE.get(answer.step, "read what it said; newsletter deliveries list shows what it cost")
        return [problem("relay", f"the relay cannot be used: {answer.fault}", advice)]
    login = " and takes our login" if answer.is_authenticated else ""
    by = f" ({answer.mechanism})" if answer.mechanism else ""
    found = [ok("relay", f"{answer.place} answers{login}{by}")]
    if answer.tls_version is None and not is_local:
        advice = "set mail.relay.tls to starttls or implicit"
        found.append(warning("tls", f"mail goes to {answer.place} in the clear, readable on its way", advice))
    elif answer.tls_version is not None and answer.certificate_until is None:
        advice = "set mail.relay.tls to starttls, so that nobody can stand in for it"
        found.append(warning("tls", f"{answer.place} speaks {answer.tls_version}, and nobody checks who it is", advice))
    elif answer.tls_version is not None and answer.certificate_until is not None:
        found.append(judge_certificate("tls", answer.place, answer.certificate_until, now, answer.tls_version))
    if not has_login and not is_local:
        message = f"{answer.place} lets us send without a login"
        found.append(ok("login", message))
    return found


def judge_certificate(check: str, place: str, until: datetime, now: datetime, version: str = "") -> Finding:
    """Judge how long a certificate, which was found valid, will be so; ``version`` is the protocol's, when known."""
    left = (until - now).days
    if left < SOON_DAYS:
        return warning(check, f"the certificate of {place} ends in {left} days", "see that it is renewed by itself")
    spoken = f"{version}, " if version else ""
    return ok(check, f"{spoken}the certificate of {place} is valid until {until:%Y-%m-%d}")


def judge_health(answer: WebAnswer, now: datetime) -> list[Finding]:
    """Judge what ``/healthz`` says, through whatever stands between readers and us."""
    if answer.fault:
        return [
            problem(
                "web", f"the pages cannot be reached: {answer.fault}", "start the daemon, or correct web.public_url"
            )
        ]
    found = []
    if answer.certificate_until is not None:
        place = urlsplit(answer.url).hostname or answer.url
        found.append(judge_certificate("https", place, answer.certificate_until, now))
    try:
        said = json.loads(answer.body)
    except ValueError:
        said = None
    if not isinstance(said, dict) or "ok" not in said:
        advice = "let the web server in front hand all paths to the daemon (web.host, web.port)"
        return [*found, problem("web", f"something else answers at {answer.url} ({answer.status})", advice)]
    reason = said.get("fault") or said.get("delivery_fault") or said.get("configuration_fault")
    if reason or not said["ok"]:
        reason = reason or "it has not finished its first run, or has stalled"
        return [*found, warning("web", f"the daemon answers, and is not well: {reason}", "see newsletter status")]
    return [*found, ok("web", f"the daemon answers at {answer.url}")]


def judge_unsubscribe(get: WebAnswer, post: WebAnswer) -> Finding:
    """Judge the answers at a well-signed unsubscribe address of nobody: 200 to GET, 400 to a POST of another form."""
    for answer in (get, post):
        if answer.fault:
            return unchecked("unsubscribe", answer)
        if REDIRECTION <= answer.status < CLIENT_ERROR:
            message = f"the unsubscribe address redirects (to {answer.location}), and mail programs do not follow"
            return problem("unsubscribe", message, "set web.public_url to the address that answers by itself")
    if get.status == NOT_FOUND:
        message = "the unsubscribe address is not found: another secret signs there, or the path does not reach us"
        return problem("unsubscribe", message, "use the same web.secret and data directory, and hand on all paths")
    if get.status != OK_STATUS:
        return problem("unsubscribe", f"the unsubscribe address answers {get.status}", "see the log of the daemon")
    if post.status != BAD_REQUEST:
        message = f"POST to the unsubscribe address answers {post.status}, so one-click leaving fails (RFC 8058)"
        return problem("unsubscribe", message, "let the web server in front hand POST on")
    return ok("unsubscribe", "GET and POST reach the unsubscribe page")


def judge_public_url(url: str, *, is_local: bool, is_private: bool) -> Finding | None:
    """Judge the address in our links by its look alone; None when it must be asked."""
    if is_local:
        message = f"links in mails lead to {url}, which only this machine reaches: readers cannot leave"
        return problem("web", message, "set web.public_url to an https:// address that leads to the daemon")
    if is_private or not url.startswith("https://"):
        return warning("web", f"links in mails lead to {url}", "use a public https:// address")
    return None


def judge_clock(answers: list[tuple[WebAnswer, datetime]]) -> Finding:
    """Judge our clock by those of servers: each answer with the time at which we had it."""
    told = [(answer, seen_at) for answer, seen_at in answers if answer.date is not None]
    if not told:
        reason = next((answer.fault for answer, _ in answers if answer.fault), "no source is on the web")
        return skipped("clock", f"could not be checked: {reason}")
    offsets = sorted((abs(_apart(answer, seen_at)), _apart(answer, seen_at)) for answer, seen_at in told)
    size, apart = offsets[0]
    direction = "ahead of" if apart > 0 else "behind"
    message = f"this machine's clock is {size:,.0f} seconds {direction} the others'"
    advice = "let it be set by itself (systemd-timesyncd, chrony)"
    if size > WRONG_S:
        return problem("clock", message, advice)
    if size > SLOW_S:
        return warning("clock", message, advice)
    return ok("clock", "this machine's clock agrees with others'")


def _apart(answer: WebAnswer, seen_at: datetime) -> float:
    """Return by how many seconds our clock is ahead."""
    difference: timedelta = seen_at - (answer.date or seen_at)
    return difference.total_seconds()


def judge_disk(place: str, free_bytes: int) -> Finding:
    """Judge the space that is left where the data lie."""
    free = f"{free_bytes / 1e9:.1f} GB" if free_bytes >= LITTLE_BYTES else f"{free_bytes / 1e6:.0f} MB"
    if free_bytes < NO_BYTES:
        return problem("disk", f"only {free} are free in {place}", "free some space: without it nothing is collected")
    if free_bytes < LITTLE_BYTES:
        return warning("disk", f"{free} are free in {place}", "free some space soon")
    return ok("disk", f"{free} are free in {place}")
