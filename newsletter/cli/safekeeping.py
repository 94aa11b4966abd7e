"""The whole store at once: ``backup``, ``restore`` and ``move-store``."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import directory_of
from newsletter.cli.output import note, plural, print_json, print_table, say
from newsletter.cli.progress import progress
from newsletter.errors import NewsletterError
from newsletter.settings.load import load_configuration
from newsletter.settings.secrets import link_secret, replace_link_secret
from newsletter.store.backup import Restored, Secret, back_up, suffix_at
from newsletter.store.backup import restore as restore_backup
from newsletter.store.dialect import parse_address
from newsletter.store.moving import Move, Route, Target, move_store
from newsletter.wiring.application import make_data_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.settings.load import Configuration
    from newsletter.settings.models import Settings
    from newsletter.store.archive import Manifest

LARGEST_FILE = 10 * 2**20  # of a configuration; what is larger is none
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(backup)
    app.command()(restore)
    app.command("move-store")(move)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; a directory gets a dated file.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    with_configuration: Annotated[
        bool,
        typer.Option("--with-configuration", help="Take the configuration along, with the passwords that stand in it."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    r"""Write everything that the store holds at this moment into one file, while the daemon goes on.

    The file holds the database, checked, in one form for SQLite and PostgreSQL, and the secret that links in mails are
    signed with. It holds people's addresses: only its owner may read it, and it belongs in a safe place.

    \b
    Examples:
      newsletter backup newsletter.zip
      newsletter backup backups      a new file in this folder, as from cron
    """
    configuration = load_configuration(directory_of(context))
    settings, now = configuration.settings, datetime.now(UTC)
    path = file / f"newsletter-{now:%Y%m%dT%H%M%SZ}.zip" if file.is_dir() else file
    with progress("rows", None) as advance:
        manifest = back_up(
            settings.database_url,
            path,
            secret_of(settings),
            now,
            configuration=files_of(configuration) if with_configuration else None,
            force=force,
            advance=advance,
            busy_timeout_s=settings.store.busy_timeout_s,
        )
    if as_json:
        print_json({"file": str(path), "bytes": path.stat().st_size, **asdict(manifest)})
    else:
        say(f"{path}: {held(manifest)}, {path.stat().st_size:,} bytes")


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `newsletter backup` wrote.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Restore over a store that is not empty; what it holds is put aside.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    r"""Put a backup back into the store that the configuration names, be it SQLite or PostgreSQL.

    Everything is checked first; when something is wrong, nothing is changed. Links in mails that were already sent go
    on working. Stop the daemon before. What was sent after the backup was made is not in it: the papers may come again.
    So nothing is sent from the restored store before `newsletter unseal`.

    \b
    Examples:
      newsletter restore newsletter.zip
      newsletter restore newsletter.zip --force --dry-run
      newsletter restore newsletter.zip --force
    """
    settings = load_configuration(directory_of(context)).settings
    make_data_directory(settings.data_directory)
    now = datetime.now(UTC)
    with progress("rows", None) as advance:
        done = restore_backup(
            file,
            settings.database_url,
            settings.data_directory,
            Secret("", None) if dry_run else secret_of(settings),
            now,
            force=force,
            advance=advance,
            keep_secret=lambda text: replace_link_secret(settings, text, suffix_at(now)),
            busy_timeout_s=settings.store.busy_timeout_s,
            dry_run=dry_run,
        )
    is_same_secret = done.secret is not None  # which is then put back with the rest
    if settings.web.secret is not None or not dry_run:
        is_same_secret = secret_of(settings).name == done.manifest.secret_name
    if as_json:
        kept = str(done.kept) if done.kept else None
        how = {"kept": kept, "waiting": done.waiting, "same_secret": is_same_secret, "restored": not dry_run}
        print_json({**asdict(done.manifest), **how})
    else:
        tell_restored(done, dry_run=dry_run, is_same_secret=is_same_secret)


def tell_restored(done: Restored, *, dry_run: bool, is_same_secret: bool) -> None:
    """Say what was put back, or would be, and what is to be done next."""
    say(f"{'would restore' if dry_run else 'restored'} {held(done.manifest)}, as of {done.manifest.made_at}")
    if done.kept:
        say(f"what was there before is kept in {done.kept}")
    elif done.replaces:
        say("what is there now would be put aside")
    if done.waiting:
        note(f"{plural(done.waiting, 'mail')} had not been sent when the backup was made")
    if not is_same_secret:
        note("links in mails already sent do not work: web.secret is not the one they were signed with; put that back")
    if not dry_run:
        advice = "when nothing else sends to these people, `newsletter unseal` lets it send what is due"
        note(f"the store is sealed: {advice}")


def move(
    source: Annotated[str, typer.Argument(metavar="FROM_URL", help="The store there is, such as sqlite:///data/x.db.")],
    target: Annotated[str, typer.Argument(metavar="TO_URL", help="An empty database: postgresql://user@host/name.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be copied.")] = False,
    as_json: AsJson = False,
) -> None:
    r"""Copy a whole store into another database, from SQLite to PostgreSQL or back, and compare every row there.

    Stop the daemon first. The source stays as it is. The copy is one transaction: broken off, it has changed nothing,
    and is repeated. For a rehearsal run it, look, and run it again later: a copy that nobody used is written over.

    Instead of an address, @FILE reads it from a file, which keeps the password off the command line.

    \b
    Examples:
      newsletter move-store sqlite:///newsletter.db postgresql:///newsletter
      newsletter move-store sqlite:///newsletter.db @database-url --dry-run
    """
    route = Route(address_in(source), address_in(target))
    with ExitStack() as stack:

        def start(total: int) -> Callable[[int], None]:
            return stack.enter_context(progress("copying and comparing", total))

        done = move_store(route, datetime.now(UTC), start, dry_run=dry_run)
    if as_json:
        print_json({"tables": done.tables, "rows": done.rows, "target": done.found.name.lower(), "done": done.is_done})
        return
    print_table(("table", "rows"), [(name, f"{rows:,}") for name, rows in done.tables.items()], wide="table")
    tell_moved(done, route, target)


def tell_moved(done: Move, route: Route, target: str) -> None:
    """Say what has happened, and what is to be changed now."""
    place = parse_address(route.target).place
    if not done.is_done:
        note(f"{plural(done.rows, 'row')} would be copied to {place} ({done.found}); nothing was changed")
        return
    if done.found is Target.SAME:
        note(f"{place} holds all of it already; nothing was changed")
    else:
        note(f"{plural(done.rows, 'row')} copied to {place}, and found equal there")
    setting = f"store.url_file: {target[1:]}" if target.startswith("@") else f"store.url: {place}"
    note(
        f"now set {setting} in newsletter.yaml (with the password), run `newsletter unseal`, and start the daemon; "
        "keep the old store until then"
    )


def address_in(text: str) -> str:
    """Return an address, or what the file holds that ``@FILE`` names."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise NewsletterError(f"{text[1:]} cannot be read: {reason}") from error


def secret_of(settings: Settings) -> Secret:
    """Return what links are signed with; the text only when it is not the configuration's."""
    text = link_secret(settings)
    name = hashlib.sha256(b"newsletter link secret\0" + text.encode()).hexdigest()[:16]
    return Secret(name, None if settings.web.secret is not None else text)


def held(manifest: Manifest) -> str:
    """Return in a few words what a backup holds."""
    people, papers = manifest.tables.get("subscribers", 0), manifest.tables.get("papers", 0)
    return f"{plural(people, 'subscriber')}, {plural(papers, 'paper')}, {plural(sum(manifest.tables.values()), 'row')}"


def files_of(configuration: Configuration) -> dict[str, Path]:
    """Return the files of a configuration by their names in a backup: not the data, and nothing hidden or huge."""
    root, data = configuration.directory.absolute(), configuration.settings.data_directory
    found = {}
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = [name for name in folders if not name.startswith(".") and here / name != data]
        for name in sorted(names):
            path = here / name
            if not name.startswith(".") and path.is_file() and path.stat().st_size <= LARGEST_FILE:
                found[path.relative_to(root).as_posix()] = path
    return found
