"""Taking a backup of a store in use, and putting one back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from newsletter import __version__
from newsletter.core.deliveries import OPEN
from newsletter.errors import ConflictError, StoreError, StoreFullError
from newsletter.store.archive import (
    CONFIGURATION,
    DATABASE,
    FORMAT,
    SECRET,
    Manifest,
    extract,
    opened_archive,
    working_folder,
    write_archive,
)
from newsletter.store.copying import clear_tables, copy_tables, differences, is_bare, summarise
from newsletter.store.dialect import BUSY_TIMEOUT_S, parse_address
from newsletter.store.lock import hold_alone
from newsletter.store.migrate import check_version, connect, is_empty, migrate, refuse_newer
from newsletter.store.operation import seal_nowhere
from newsletter.store.schema import deliveries
from newsletter.store.snapshot import Snapshot, examine, settle, sha256_of, take_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

SIDE_FILES: Final = ("", "-wal", "-shm")  # that SQLite keeps beside a database in use


@dataclass(frozen=True, slots=True)
class Secret:
    """What links are signed with: the text, unless it stands in the configuration, and a name to compare it by."""

    name: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: what the backup says of itself, its secret, and where what was there before is now kept.

    ``waiting`` is how many mails had yet to be sent when it was made, ``replaces`` whether the store held anything.
    """

    manifest: Manifest
    secret: str | None
    kept: Path | None
    waiting: int
    replaces: bool


def back_up(  # noqa: PLR0913 (what goes into a backup)
    url: str,
    path: Path,
    secret: Secret,
    now: datetime,
    *,
    configuration: Mapping[str, Path] | None = None,
    force: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
) -> Manifest:
    """Write a backup of the store at ``url`` as it is at one moment, while everybody goes on, and return its manifest.

    ``configuration`` are files to take along, by name. ConflictError when ``path`` is taken and not ``force``.
    """
    if path.exists() and not force:
        raise ConflictError(f"{path} is there already; name another file, or add --force")
    with working_folder(path.absolute().parent) as folder:
        database = folder / DATABASE
        snapshot = take_snapshot(url, database, advance, busy_timeout_s)
        parts = {DATABASE: database}
        if secret.text is not None:
            parts[SECRET] = folder / SECRET
            parts[SECRET].write_text(f"{secret.text}\n", "ascii")
        parts |= {f"{CONFIGURATION}/{name}": file for name, file in (configuration or {}).items()}
        manifest = Manifest(
            format=FORMAT,
            made_at=now.isoformat(timespec="seconds"),
            program=__version__,
            kind="sqlite" if parse_address(url).is_sqlite else "postgresql",
            schema=snapshot.version,
            secret_name=secret.name,
            tables=snapshot.tables,
            sha256={name: sha256_of(part) for name, part in parts.items()},
        )
        write_archive(path, manifest, parts, force=force)
    return manifest


def restore(  # noqa: PLR0913 (where from, where to, and how)
    path: Path,
    url: str,
    data_directory: Path,
    current: Secret,
    now: datetime,
    *,
    force: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    keep_secret: Callable[[str], None] = lambda _: None,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    dry_run: bool = False,
) -> Restored:
    """Put the backup at ``path`` into the store at ``url`` and return what that was.

    Everything is checked before anything is touched. A schema of an older program is brought up to date. What the
    store holds is first put aside (PostgreSQL's in ``data_directory``), and only with ``force``; else ConflictError.
    StoreLockedError while another newsletter runs on it. ``keep_secret`` is handed the secret, when there is one,
    before the store changes. With ``dry_run`` all that is checked, and nothing changed.
    """
    place = parse_address(url).path
    beside = data_directory if place is None else place.parent  # so that a finished file need only be renamed
    with opened_archive(path) as (archive, manifest), working_folder(beside) as folder:
        refuse_newer(replace(parse_address(url), place=str(path)), manifest.schema)
        database = extract(archive, manifest, DATABASE, folder)
        check_counts(path, manifest, examine(database))
        secret = None
        if SECRET in manifest.sha256:
            secret = extract(archive, manifest, SECRET, folder).read_text("ascii").strip()
        migrate(f"sqlite:///{database}")
        with connect(parse_address(f"sqlite:///{database}"), busy_timeout_s, writing=True) as restored:
            seal_nowhere(restored, f"nowhere, being restored from {path.name} as of {manifest.made_at}", now)
            waiting = count_open(restored)
        settle(database)
        examine(database)
        with hold_alone(url, now, busy_timeout_s):
            filled = holds_something(url, busy_timeout_s)
            if filled and not force:
                raise ConflictError(
                    f"{parse_address(url).place}: the store is not empty; add --force to put what it holds aside "
                    "and restore over it"
                )
            kept = None
            if not dry_run:
                if secret is not None:
                    keep_secret(secret)
                kept = install(database, url, Aside(data_directory, current, now, filled), advance, busy_timeout_s)
    return Restored(manifest, secret, kept, waiting, filled)


def count_open(connection: Connection) -> int:
    """Return how many mails have yet to be sent."""
    is_open = deliveries.c.state.in_(sorted(state.value for state in OPEN))
    return int(connection.execute(select(func.count()).select_from(deliveries).where(is_open)).scalar_one())


def check_counts(path: Path, manifest: Manifest, found: Snapshot) -> None:
    """Raise StoreError when a backup does not hold what it says."""
    if found.version != manifest.schema or found.tables != manifest.tables:
        raise StoreError(f"{path}: the backup does not hold what its manifest says; it is damaged")


def holds_something(url: str, busy_timeout_s: float) -> bool:
    """Return whether a store holds anything; one that cannot even be read does."""
    address = parse_address(url)
    try:
        if is_empty(url, busy_timeout_s):
            return False
        with connect(address, busy_timeout_s) as connection:
            return not is_bare(connection)
    except StoreError:
        if address.is_sqlite:  # a damaged file is what backups are for, and it is put aside
            return True
        raise


@dataclass(frozen=True, slots=True)
class Aside:
    """Where what a store held is kept, and whether there is anything to keep."""

    folder: Path
    secret: Secret
    now: datetime
    is_needed: bool

    @property
    def suffix(self) -> str:
        """What tells it from other things that are kept."""
        return suffix_at(self.now)


def suffix_at(now: datetime) -> str:
    """Return what is put to the names of things that are kept when something is restored at ``now``."""
    return f"before-restore-{now:%Y%m%dT%H%M%S.%fZ}"


def install(
    database: Path, url: str, aside: Aside, advance: Callable[[int], None], busy_timeout_s: float
) -> Path | None:
    """Make a finished SQLite file the store at ``url``; return where what was there before is kept."""
    address = parse_address(url)
    if address.path is not None:
        return install_file(database, address.path, aside)
    kept = None
    if aside.is_needed:
        check_version(url, busy_timeout_s)
        kept = aside.folder / f"{aside.suffix}.zip"
        back_up(url, kept, aside.secret, aside.now, busy_timeout_s=busy_timeout_s)
    else:
        migrate(url, busy_timeout_s)
    with (
        connect(parse_address(f"sqlite:///{database}"), busy_timeout_s) as source,
        connect(address, busy_timeout_s, writing=True) as target,
    ):
        clear_tables(target)
        copied = copy_tables(source, target, advance)
        if wrong := differences(copied, summarise(target, lambda _: None)):
            raise StoreError(f"{address.place}: nothing was changed, for rows came out otherwise: {'; '.join(wrong)}")
    return kept


def install_file(database: Path, path: Path, aside: Aside) -> Path | None:
    """Exchange SQLite's file; what it held is renamed, or removed where that was nothing."""
    kept = path.with_name(f"{path.name}.{aside.suffix}")
    try:
        for ending in SIDE_FILES:
            old = path.with_name(path.name + ending)
            if aside.is_needed and old.exists():
                old.rename(kept.with_name(kept.name + ending))
            else:
                old.unlink(missing_ok=True)
        database.replace(path)
    except OSError as error:
        raise StoreFullError(f"{path}: cannot be exchanged: {error.strerror}; check who owns the directory") from error
    return kept if aside.is_needed else None
