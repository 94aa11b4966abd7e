"""``newsletter dkim``: keys to sign mails with, the DNS records that prove them, and whether the two agree."""

from __future__ import annotations

import asyncio
import enum
import json
import os
import secrets
from pathlib import Path  # noqa: TC003 (Typer reads the annotations of commands)
from typing import Annotated

import typer

from newsletter.cli.context import directory_of
from newsletter.cli.findings import look_up, resolver_of, show_findings
from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads the annotations of commands)
from newsletter.cli.output import note, print_json, say
from newsletter.core.findings import Finding, Level
from newsletter.core.signing import (
    ADVISED_RSA,
    LONGEST_RSA,
    Algorithm,
    SigningKey,
    make_key,
    read_key,
    strings_of,
    zone_line,
)
from newsletter.errors import ConfigurationError, ConflictError
from newsletter.model import Problem
from newsletter.settings.dkimmodels import SELECTOR
from newsletter.settings.load import load_configuration
from newsletter.settings.signingkeys import signing_keys

app = typer.Typer(no_args_is_help=True, help="Sign mails (DKIM): keys, DNS records, and whether they agree.")

UNSIGNED = "mails are not signed here: there is no mail.dkim in newsletter.yaml, which is right when the relay signs"


class Kind(enum.StrEnum):
    """Which keys to make."""

    BOTH = "both"
    RSA = "rsa"
    ED25519 = "ed25519"


KINDS = {
    Kind.BOTH: (Algorithm.RSA, Algorithm.ED25519),
    Kind.RSA: (Algorithm.RSA,),
    Kind.ED25519: (Algorithm.ED25519,),
}


@app.command()
def generate(  # noqa: PLR0913 (a command has as many options as it needs)
    context: typer.Context,
    *,
    selector: Annotated[
        str, typer.Option("--selector", metavar="NAME", help="What the keys' names in the DNS begin with.")
    ] = "newsletter",
    kind: Annotated[Kind, typer.Option("--algorithm", help="Which keys.")] = Kind.BOTH,
    bits: Annotated[
        int, typer.Option("--bits", min=ADVISED_RSA, max=LONGEST_RSA, help="How long the RSA key is.")
    ] = ADVISED_RSA,
    directory: Annotated[
        Path | None,
        typer.Option("--directory", metavar="DIR", help="Where to write them. Default: dkim in the data directory."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over keys that are there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    r"""Make private keys, and say what to publish.

    Printed are the records for the DNS and the lines for newsletter.yaml.

    An RSA key and an Ed25519 key beside it, under the selectors NAME-rsa and NAME-ed25519: receivers that know both
    take either. Only their owner may read the files. Nothing is signed before newsletter.yaml names them; publish the
    records first. For new keys once a year, take another name, and remove the old record some days after the change.

    Exit code 5: a file is there already.

    \b
    Examples:
      newsletter dkim generate
      newsletter dkim generate --selector 2027 --dry-run
    """
    if not SELECTOR.fullmatch(selector):
        raise typer.BadParameter("use letters, digits and hyphens", param_hint="--selector")
    configuration = load_configuration(directory_of(context))
    settings = configuration.settings
    folder = (directory or settings.data_directory / "dkim").absolute()
    made = {f"{selector}-{each.partition('-')[0]}": make_key(each, bits) for each in KINDS[kind]}
    files = {name: folder / f"{name}.pem" for name in made}
    for path in files.values():
        if path.exists() and not force:
            raise _there_already(path)
    if not dry_run:
        for name, text in made.items():
            _write(files[name], text, force=force)
    keys = [read_key(text, name) for name, text in made.items()]
    domain = settings.mail.signing_domain
    if as_json:
        print_json({"written": not dry_run, "keys": [_document(key, domain, files[key.selector]) for key in keys]})
        return
    for name, path in files.items():
        note(f"{'would write' if dry_run else 'wrote'} {path} ({made[name].count(chr(10))} lines, for its owner alone)")
    note(f"1. Publish at {domain}, each string at most 255 characters long:")
    _print_records(keys, domain)
    note("2. When `dig` shows them, add to newsletter.yaml under mail:")
    for line in _yaml(files):
        typer.echo(line)
    note("3. newsletter dkim check")


@app.command()
def show(context: typer.Context, *, as_json: AsJson = False) -> None:
    r"""Print the DNS records of our keys.

    They are those that newsletter.yaml names, as lines of a zone file.

    \b
    Example:
      newsletter dkim show
    """
    settings = load_configuration(directory_of(context)).settings
    keys, domain = signing_keys(settings), settings.mail.signing_domain
    if as_json:
        print_json([_document(key, domain) for key in keys])
        return
    _print_records(keys, domain)
    if not keys:
        note(UNSIGNED)


@app.command()
def check(
    context: typer.Context,
    *,
    nameserver: Annotated[
        str, typer.Option("--nameserver", metavar="ADDRESS[:PORT]", help="Ask this name server, not the system's.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    r"""Ask the DNS for our keys.

    Where it does not hold them, it says what to do.

    Exit code 0: receivers can verify what we sign; 1: a problem was found.

    \b
    Example:
      newsletter dkim check
    """
    settings = load_configuration(directory_of(context)).settings
    keys, domain = signing_keys(settings), settings.mail.signing_domain
    findings = asyncio.run(look_up(keys, domain, resolver_of(nameserver)))
    if not keys:
        findings = [Finding("dkim", Level.SKIPPED, UNSIGNED)]
    show_findings(findings, as_json=as_json)
    if any(finding.level is Level.PROBLEM for finding in findings):
        raise typer.Exit(1)


def _print_records(keys: list[SigningKey] | tuple[SigningKey, ...], domain: str) -> None:
    for key in keys:
        say(zone_line(key, domain))


def _yaml(files: dict[str, Path]) -> list[str]:
    """Return the lines that name the keys in newsletter.yaml."""
    keys = [
        (f"      - selector: {name}", f"        private_key_file: {json.dumps(str(file))}")
        for name, file in files.items()
    ]
    return ["  dkim:", "    keys:", *(line for pair in keys for line in pair)]


def _document(key: SigningKey, domain: str, path: Path | None = None) -> dict[str, object]:
    found: dict[str, object] = {
        "selector": key.selector,
        "algorithm": key.algorithm.value,
        "bits": key.bits,
        "name": key.name(domain),
        "record": key.record(),
        "strings": strings_of(key.record()),
    }
    return found | ({"private_key_file": str(path)} if path else {})


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write a private key whole, for its owner alone; ConflictError when somebody was faster."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    try:
        _write_whole(path, text, force=force)
    except FileExistsError:
        raise _there_already(path) from None
    except OSError as error:
        raise _unwritable(path, error) from error


def _write_whole(path: Path, text: str, *, force: bool) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if force:
            aside.replace(path)
        else:
            path.hardlink_to(aside)  # fails where there is one, whoever made it meanwhile
    finally:
        aside.unlink(missing_ok=True)


def _there_already(path: Path) -> ConflictError:
    return ConflictError(f"{path} is there already (take another --selector, or --force to write over it)")


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    advice = "name another --directory, or give this user the right to write there"
    return ConfigurationError([Problem(str(path), 0, 0, f"it cannot be written: {error.strerror}", advice)])
