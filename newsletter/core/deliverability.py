"""Whether the big mailbox providers will take our mail: SPF, DKIM, DMARC, MX, and domains that belong together.

Every function judges records that somebody else looked up. The demands are those of Gmail, Yahoo and Outlook on bulk
senders (more than 5,000 mails a day), of which smaller senders are spared some.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from newsletter.core.domains import FREEMAIL, RELAYS_OF, belongs_together
from newsletter.core.findings import DnsAnswer, Finding, ok, problem, skipped, unchecked, warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_LOOKUPS: Final = 10  # RFC 7208 section 4.6.4
SPF: Final = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
SPF_TERM: Final = re.compile(
    r"[+?~-]?(?:all|(?:include|exists):\S+|(?:a|mx|ptr)(?::[^/\s]+)?(?:/\d{1,2})?(?://\d{1,3})?"
    r"|ip4:[\d.]+(?:/\d{1,2})?|ip6:[0-9a-f:.]+(?:/\d{1,3})?)|[a-z][a-z0-9._-]*=\S*",
    re.IGNORECASE,
)
SPF_LOOKUP: Final = re.compile(
    r"[+?~-]?(include|exists|a|mx|ptr)(?=[:/]|$)(?::([^/\s]+))?|(redirect)=(\S+)", re.IGNORECASE
)
POLICIES: Final = ("none", "quarantine", "reject")
# Lengths of a public key (DER, octets) of RSA with 1024 and with 2048 bits.
RSA_1024: Final = 160
RSA_2048: Final = 290


def tags_of(record: str) -> dict[str, str]:
    """Return the tags of a DKIM or DMARC record, names in lower case (RFC 6376 section 3.2)."""
    pairs = (part.partition("=") for part in record.split(";") if part.strip())
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs}


def spf_records(answer: DnsAnswer) -> list[str]:
    """Return the SPF records among TXT records."""
    return [record for record in answer.records if SPF.match(record)]


def spf_lookups(record: str) -> list[tuple[str, str]]:
    """Return the terms of an SPF record that ask the DNS, each with the name that it gives; empty for its own."""
    matches = [match for term in record.split()[1:] if (match := SPF_LOOKUP.match(term))]
    return [((match[1] or match[3]).lower(), (match[2] or match[4] or "").rstrip(".").lower()) for match in matches]


def judge_spf(domain: str, answer: DnsAnswer, lookups: int) -> Finding:
    """Judge the TXT records of the sender's domain; ``lookups`` is how many its SPF costs, nested ones included."""
    if answer.fault:
        return unchecked("spf", answer)
    records = spf_records(answer)
    if not records:
        advice = f'publish a TXT record at {domain} that names your relay, such as "v=spf1 a:mail.{domain} -all"'
        return problem("spf", f"{domain} has no SPF record, so nobody can tell your mail from forged mail", advice)
    if len(records) > 1:
        return problem("spf", f"{domain} has {len(records)} SPF records, which counts as an error", "keep one of them")
    return _judge_spf_record(domain, records[0], lookups)


def _judge_spf_record(domain: str, record: str, lookups: int) -> Finding:
    terms = record.lower().split()[1:]
    wrong = next((term for term in terms if not SPF_TERM.fullmatch(term)), None)
    if wrong is not None:
        return problem("spf", f"the SPF record of {domain} has an error: “{wrong}”", "correct it (RFC 7208)")
    if lookups > MOST_LOOKUPS:
        message = f"the SPF record of {domain} costs {lookups} look-ups, and receivers stop at {MOST_LOOKUPS}"
        return problem("spf", message, "replace some of its include: by ip4: and ip6:")
    if {"+all", "all"} & set(terms):
        return problem("spf", f"the SPF record of {domain} lets everybody send (+all)", "end it with ~all or -all")
    if any(term.lstrip("+?~-").startswith("ptr") for term in terms):
        return warning("spf", f"the SPF record of {domain} uses ptr, which receivers ignore", "name addresses instead")
    if not {"-all", "~all"} & set(terms) and not any(term.startswith("redirect=") for term in terms):
        message = f"the SPF record of {domain} says nothing about everybody else"
        return warning("spf", message, "end it with ~all or -all")
    return ok("spf", f"{domain}: {record[:200]}")


def judge_dkim(selector: str, domain: str, answer: DnsAnswer) -> Finding:
    """Judge the key that a selector names."""
    if answer.fault:
        return unchecked("dkim", answer)
    name = f"{selector}._domainkey.{domain}"
    keys = [tags for tags in map(tags_of, answer.records) if "p" in tags or tags.get("v", "").upper() == "DKIM1"]
    if not keys:
        advice = "publish the key that your relay signs with, or name the selector that it uses"
        return problem("dkim", f"there is no DKIM key at {name}", advice)
    if len(keys) > 1:
        return problem("dkim", f"there are {len(keys)} DKIM keys at {name}, which counts as an error", "keep one")
    return _judge_key(name, keys[0])


def _judge_key(name: str, tags: dict[str, str]) -> Finding:
    try:
        size = len(base64.b64decode(tags.get("p", ""), validate=True))
    except binascii.Error:
        return problem("dkim", f"the DKIM key at {name} cannot be read", "publish it anew; p= holds base64")
    if not size:
        return problem("dkim", f"the DKIM key at {name} is withdrawn (p= is empty)", "sign with one that is valid")
    if "y" in tags.get("t", "").lower().split(":"):
        return warning("dkim", f"the DKIM key at {name} is marked as a test (t=y)", "remove that once it works")
    if tags.get("k", "rsa").lower() != "rsa":
        message = f"the DKIM key at {name} is {tags['k'].lower()}, which not all receivers know"
        return warning("dkim", message, "sign with an RSA key of 2048 bits as well")
    return _judge_size(name, size)


def _judge_size(name: str, size: int) -> Finding:
    """Judge the length of an RSA key, in octets."""
    if size < RSA_1024:
        return problem("dkim", f"the DKIM key at {name} is too short: receivers refuse it", "make one of 2048 bits")
    if size < RSA_2048:
        return warning("dkim", f"the DKIM key at {name} has 1024 bits", "make one of 2048 bits")
    return ok("dkim", f"{name} has a key")


def no_selector() -> Finding:
    """Return that DKIM could not be looked at."""
    return skipped(
        "dkim",
        "which DKIM selector your relay signs with is not known",
        "run it with --dkim-selector NAME (it stands in the DKIM-Signature of a mail you sent, as s=)",
    )


def judge_dmarc(domain: str, found_at: str, answer: DnsAnswer) -> Finding:
    """Judge the TXT records at ``_dmarc.<found_at>``, which is the domain or one above it."""
    if answer.fault:
        return unchecked("dmarc", answer)
    records = [record for record in answer.records if re.match(r"v\s*=\s*DMARC1\s*(;|$)", record)]
    advice = f'publish a TXT record at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:postmaster@{domain}"'
    if not records:
        message = f"{domain} has no DMARC record, and Gmail, Yahoo and Outlook demand one of who sends much mail"
        return warning("dmarc", message, advice)
    if len(records) > 1:
        message = f"{found_at} has {len(records)} DMARC records, so none of them counts"
        return problem("dmarc", message, "keep one of them")
    tags = tags_of(records[0])
    policy = tags.get("p", "").lower()
    if policy not in POLICIES:
        said = f"p={policy}" if policy else "no p="
        return problem("dmarc", f"the DMARC record of {found_at} is invalid: it has {said}", advice)
    if "rua" not in tags:
        message = f"the DMARC record of {found_at} names nobody to report to"
        return warning("dmarc", message, f"add rua=mailto:postmaster@{domain}")
    return ok("dmarc", f"{found_at}: p={policy}")


def judge_mx(domain: str, exchangers: DnsAnswer, addresses: DnsAnswer) -> Finding:
    """Judge whether the sender's domain takes mail: bounces and answers go there."""
    if exchangers.fault:
        return unchecked("mx", exchangers)
    hosts = [record.split()[-1] for record in exchangers.records]
    if hosts == ["."]:
        message = f"{domain} says that it takes no mail (a null MX), so receivers refuse mail from it"
        return problem("mx", message, "send from a domain that takes mail")
    if hosts:
        return ok("mx", f"{domain}: {', '.join(host.rstrip('.') for host in hosts[:5])}")
    if addresses.fault:
        return unchecked("mx", addresses)
    if addresses.records:
        message = f"{domain} has no MX record, only an address"
        return warning("mx", message, "publish an MX record: bounces and answers go there")
    message = f"nothing takes mail for {domain}: bounces and answers are lost, and many receivers refuse such senders"
    return problem("mx", message, "publish an MX record, or send from a domain that has one")


def judge_reverse(address: str, names: DnsAnswer, forward: Sequence[DnsAnswer]) -> Finding:
    """Judge the name of the relay's address, and whether ``forward``, the addresses of its names, lead back to it."""
    if names.fault:
        return unchecked("ptr", names)
    advice = "ask whoever gave you the address for a PTR record that its name leads back from; Gmail demands it"
    if not names.records:
        return problem("ptr", f"the relay's address {address} has no name (PTR)", advice)
    shown = ", ".join(name.rstrip(".") for name in names.records[:3])
    if any(address in answer.records for answer in forward):
        return ok("ptr", f"{address} is {shown}, and back")
    fault = next((answer for answer in forward if answer.fault), None)
    if fault is not None:
        return unchecked("ptr", fault)
    return problem("ptr", f"{address} is called {shown}, which does not lead back to it", advice)


def judge_sender(domain: str, relay_host: str) -> Finding:
    """Judge whether a newsletter may be sent from this domain at all."""
    if domain not in FREEMAIL:
        return ok("sender", f"mails come from {domain}")
    relays = (domain, *RELAYS_OF.get(domain, ()))
    if any(belongs_together(relay_host, relay) for relay in relays):
        message = f"mails come from {domain}, by its own relay, which takes a few hundred a day"
        return warning("sender", message, "send from a domain of your own as soon as there are more readers")
    message = f"mails come from {domain}, whose owner tells everybody to refuse them: they do not pass its relay"
    return problem("sender", message, "set mail.sender to an address at a domain of your own")


def judge_alignment(domain: str, others: Iterable[tuple[str, str]]) -> list[Finding]:
    """Judge other names that readers' providers see beside the sender's: pairs of a setting and its domain."""
    apart = [(setting, other) for setting, other in others if other and not belongs_together(domain, other)]
    if not apart:
        return [ok("alignment", f"all names belong to {domain}")]
    advice = {
        "mail.relay.username": "see that the relay signs (DKIM d=) with the sender's domain and leaves From as it is",
        "mail.list_id": f"take a list id under {domain}",
        "bounces.address": f"take an address under {domain}, or SPF does not count for DMARC",
        "web.public_url": f"a name under {domain} looks less like phishing to filters",
    }
    return [
        warning("alignment", f"{setting} is at {other}, the sender at {domain}", advice.get(setting, ""))
        for setting, other in apart
    ]
