"""What commands that look at things have in common: whom they ask, and how they print what they found."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from newsletter.cli.output import note, plural, print_json
from newsletter.core.findings import Finding, Level
from newsletter.core.printable import one_line
from newsletter.core.signing import judge_key
from newsletter.mail.dns import DnsResolver

if TYPE_CHECKING:
    from newsletter.core.signing import SigningKey

COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red", Level.SKIPPED: "bright_black"}


async def look_up(keys: tuple[SigningKey, ...], domain: str, resolver: DnsResolver) -> list[Finding]:
    """Return for each key whether the DNS holds its public half."""
    answers = await asyncio.gather(*(resolver.txt(key.name(domain)) for key in keys))
    return [judge_key(key, domain, answer) for key, answer in zip(keys, answers, strict=True)]


def resolver_of(nameserver: str) -> DnsResolver:
    """Return what asks the DNS: a name server as ``ADDRESS[:PORT]``, or the system's when that is empty."""
    host, _, port = nameserver.partition(":") if nameserver.count(":") == 1 else (nameserver, "", "")
    return DnsResolver(host, int(port) if port.isdigit() else 53)


def show_findings(findings: list[Finding], *, as_json: bool) -> None:
    """Print all findings, each with its fix."""
    counts = Counter(finding.level for finding in findings)
    if as_json:
        levels = {level.value: counts[level] for level in Level}
        print_json({"findings": [asdict(finding) for finding in findings], "counts": levels})
        return
    for finding in findings:
        level = typer.style(f"{finding.level:<8}", fg=COLOURS[finding.level])
        typer.echo(f"{level} {one_line(f'{finding.check}: {finding.message}')}")
        if finding.advice:
            typer.echo(f"{'':<8} → {one_line(finding.advice)}")
    note(
        f"{plural(counts[Level.PROBLEM], 'problem')}, {plural(counts[Level.WARNING], 'warning')}, "
        f"{counts[Level.SKIPPED]} not checked"
    )
