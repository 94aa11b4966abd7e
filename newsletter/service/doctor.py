"""An examination of the whole installation: what receivers see of us, the relay, the pages, and this machine.

Everything outside is asked through what is handed in; judging is the core's (:mod:`newsletter.core.deliverability`,
:mod:`newsletter.core.reachability`). What cannot be asked is a finding of its own, never an exception.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from newsletter.core.deliverability import (
    judge_alignment,
    judge_dkim,
    judge_dmarc,
    judge_mx,
    judge_reverse,
    judge_sender,
    judge_spf,
    no_selector,
    spf_lookups,
    spf_records,
)
from newsletter.core.domains import above
from newsletter.core.findings import DnsAnswer, Finding, RelayAnswer, WebAnswer, skipped, unchecked
from newsletter.core.reachability import judge_clock, judge_health, judge_public_url, judge_relay, judge_unsubscribe

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

DEEPEST: Final = 10  # of SPF records that include each other
MOST_SOURCES: Final = 3  # that are asked for the time
HARMLESS_FORM: Final = "doctor=looks"  # neither the button's nor RFC 8058's: it ends nobody's subscription


class Resolver(Protocol):
    """The DNS; what goes wrong is in the answers."""

    async def txt(self, name: str) -> DnsAnswer:
        """Return the TXT records of a name."""

    async def mx(self, name: str) -> DnsAnswer:
        """Return the mail exchangers of a domain."""

    async def addresses(self, name: str) -> DnsAnswer:
        """Return the addresses of a name."""

    async def names(self, address: str) -> DnsAnswer:
        """Return the names of an address."""


class Web(Protocol):
    """Web servers; what goes wrong is in the answers."""

    async def ask(self, method: str, url: str, form: str = "") -> WebAnswer:
        """Send one request and follow no redirect."""


class Sessions(Protocol):
    """The relay."""

    async def examine(self) -> RelayAnswer:
        """Open a session as for a mail, and end it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the configuration says that can be held against the world.

    ``login`` is empty without one. ``unsubscribe_url`` is well signed, for a subscriber that does not exist.
    ``source_urls`` are asked for the time. ``relay_name`` is empty when there is one relay only, ``bounce_domain``
    where mails come back to the sender's own domain.
    """

    domain: str
    relay_host: str
    login: str
    list_id: str
    base_url: str
    unsubscribe_url: str
    selectors: tuple[str, ...]
    source_urls: tuple[str, ...]
    is_caught: bool
    relay_name: str = ""
    bounce_domain: str = ""


@dataclass(frozen=True, slots=True)
class Doctor:
    """Looks at everything that lies outside of this machine."""

    facts: Facts
    resolver: Resolver
    web: Web
    sessions: Sessions
    clock: Callable[[], datetime]

    async def examine(self) -> list[Finding]:
        """Return all findings, in an order that does not depend on what answers first."""
        parts = [self.pages(), self.time()]
        if not self.facts.is_caught:
            parts = [self.sender(), self.relay(), *parts]
        found = [finding for part in await asyncio.gather(*parts) for finding in part]
        if self.facts.is_caught:
            advice = "set mail.catcher.enabled to false and name a relay when readers are to get mail"
            found.insert(
                0, skipped("mail", "the mail catcher takes every mail, so nothing leaves this machine", advice)
            )
        return found

    async def sender(self) -> list[Finding]:
        """Return what the DNS says of the sender's domain, and how the names that receivers see fit it."""
        facts = self.facts
        spf, exchange = await self.envelope(facts.domain)
        others = [
            ("mail.relay.username", facts.login.rpartition("@")[2] if "@" in facts.login else ""),
            ("mail.list_id", facts.list_id),
            ("bounces.address", facts.bounce_domain),
            ("web.public_url", "" if is_inside(host_of(facts.base_url)) else host_of(facts.base_url)),
        ]
        return [
            judge_sender(facts.domain, facts.relay_host),
            spf,
            *await self.keys(),
            await self.policy(),
            exchange,
            *await self.returning(),
            *judge_alignment(facts.domain, others),
        ]

    async def envelope(self, domain: str) -> tuple[Finding, Finding]:
        """Return what SPF and MX say of a domain that stands in the envelope."""
        resolver = self.resolver
        texts, exchangers, addresses = await asyncio.gather(
            resolver.txt(domain), resolver.mx(domain), resolver.addresses(domain)
        )
        records = spf_records(texts)
        lookups = await self.count_lookups(records[0], DEEPEST) if len(records) == 1 else 0
        return judge_spf(domain, texts, lookups), judge_mx(domain, exchangers, addresses)

    async def returning(self) -> list[Finding]:
        """Return the same of the domain that mails come back to, where it is one of its own."""
        if not self.facts.bounce_domain:
            return []
        found = await self.envelope(self.facts.bounce_domain)
        return [replace(finding, check=f"return_{finding.check}") for finding in found]

    async def count_lookups(self, record: str, deepest: int) -> int:
        """Return how many questions to the DNS an SPF record costs, with those of the records it includes."""
        terms = spf_lookups(record)
        nested = [name for kind, name in terms if kind in ("include", "redirect") and name and "%" not in name]
        if deepest <= 0:
            return len(terms)
        answers = await asyncio.gather(*(self.resolver.txt(name) for name in nested[:DEEPEST]))
        inner = [records[0] for answer in answers if (records := spf_records(answer))]
        total = len(terms)
        for each in inner:  # one after the other: a record that includes itself must not multiply
            total += await self.count_lookups(each, deepest - total)
            if total > DEEPEST:
                break
        return total

    async def keys(self) -> list[Finding]:
        """Return what is found at each DKIM selector."""
        if not self.facts.selectors:
            return [no_selector()]
        domain = self.facts.domain
        return [
            judge_dkim(selector, domain, await self.resolver.txt(f"{selector}._domainkey.{domain}"))
            for selector in self.facts.selectors
        ]

    async def policy(self) -> Finding:
        """Return what DMARC says of the sender's domain, or of the nearest one above it that says something."""
        domain = self.facts.domain
        answer = DnsAnswer()
        for name in above(domain):
            answer = await self.resolver.txt(f"_dmarc.{name}")
            if answer.records or answer.fault:
                return judge_dmarc(domain, name, answer)
        return judge_dmarc(domain, domain, answer)

    async def relay(self) -> list[Finding]:
        """Return how the relay receives us, and what its address is called."""
        facts = self.facts
        answer = await self.sessions.examine()
        judged = judge_relay(
            answer, is_local=is_inside(facts.relay_host), has_login=bool(facts.login), now=self.clock()
        )
        found = [*judged, await self.reverse()]
        if not facts.relay_name:
            return found
        return [replace(each, message=f"{facts.relay_name}: {each.message}") for each in found]

    async def reverse(self) -> Finding:
        """Return whether the relay's address has a name that leads back to it, where we can see that address."""
        host = self.facts.relay_host
        found = DnsAnswer((host,)) if is_address(host) else DnsAnswer()
        if not is_inside(host) and not found.records:
            found = await self.resolver.addresses(host)
        if found.fault:
            return unchecked("ptr", found)
        public = [address for address in found.records if not is_inside(address)]
        if not public:
            message = "the relay is in your own network, and the address by which receivers see it is not known here"
            return skipped("ptr", message, "look it up on the relay: its public address needs a name that leads back")
        names = await self.resolver.names(public[0])
        forward = [await self.resolver.addresses(name) for name in names.records[:3]]
        return judge_reverse(public[0], names, forward)

    async def pages(self) -> list[Finding]:
        """Return whether readers reach the pages, and mail programs the one-click address."""
        facts = self.facts
        host = host_of(facts.base_url)
        if facts.is_caught:
            return [skipped("web", f"links in mails lead to {facts.base_url}, for trying out")]
        look = judge_public_url(facts.base_url, is_local=is_loopback(host), is_private=is_inside(host))
        health, get, post = await asyncio.gather(
            self.web.ask("GET", f"{facts.base_url}/healthz"),
            self.web.ask("GET", facts.unsubscribe_url),
            self.web.ask("POST", facts.unsubscribe_url, HARMLESS_FORM),
        )
        return [*([look] if look else []), *judge_health(health, self.clock()), judge_unsubscribe(get, post)]

    async def time(self) -> list[Finding]:
        """Return whether our clock agrees with those of the first sources."""
        answers = []
        for url in self.facts.source_urls[:MOST_SOURCES]:
            before = self.clock()
            answer = await self.web.ask("HEAD", url)
            answers.append((answer, before + (self.clock() - before) / 2))
            if answer.date is not None:
                break
        return [judge_clock(answers)]


def host_of(url: str) -> str:
    """Return the host in a web address."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2].rsplit(":", 1)[0].strip("[]")


def is_address(host: str) -> bool:
    """Return whether this is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches ``host``."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_inside(host: str) -> bool:
    """Return whether ``host`` is not on the public internet, as far as its look tells."""
    return is_loopback(host) or (is_address(host) and not ipaddress.ip_address(host).is_global)
