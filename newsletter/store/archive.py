"""A backup: one ZIP file with a manifest, the database as SQLite, and the secret that links are signed with.

::

    manifest.json    format, time (UTC), program, schema, rows per table, SHA-256 of the other parts
    newsletter.db    every row, as one SQLite file, from whichever database
    link-secret      without it, the links in mails that were already sent end
    configuration/   only when asked for: the settings and profiles, with the secrets that they hold
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from newsletter.errors import ConflictError, NewsletterError, StoreError, StoreFullError
from newsletter.store.snapshot import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "newsletter.db"
SECRET: Final = "link-secret"  # noqa: S105 (the name of a part)
CONFIGURATION: Final = "configuration"
LARGEST_MANIFEST: Final = 2**20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    ``made_at`` is ISO 8601 in UTC; ``kind`` is the database that it was taken from; ``secret_name`` tells link secrets
    apart without naming them; ``sha256`` has the parts by name.
    """

    format: int
    made_at: str
    program: str
    kind: str
    schema: str
    secret_name: str
    tables: dict[str, int]
    sha256: dict[str, str]


def write_archive(path: Path, manifest: Manifest, parts: Mapping[str, Path], *, force: bool) -> None:
    """Write a backup, readable by its owner alone, which appears at ``path`` when it is whole and on the disk.

    ConflictError when something is there already, unless ``force``; StoreFullError when it cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=2) + "\n")
                for name, part in parts.items():
                    archive.write(part, name)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(aside, path, force=force)
    except FileExistsError:
        raise ConflictError(f"{path} is there already; name another file, or add --force") from None
    except OSError as error:
        raise StoreFullError(f"{path}: the backup cannot be written: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)


def put_in_place(aside: Path, path: Path, *, force: bool) -> None:
    """Give a finished file its name; FileExistsError when that is taken and not to be given away."""
    if force:
        aside.replace(path)
    else:
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            raise
        except OSError:  # a file system without links, as on many removable disks
            if path.exists():
                raise FileExistsError from None
            aside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def opened_archive(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """Yield a backup and its manifest; StoreError when the file is no backup of ours, or of a newer format."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive, read_manifest(archive, path)
    except FileNotFoundError as error:
        raise NewsletterError(f"there is no file {path}") from error
    except zipfile.BadZipFile as error:
        raise StoreError(f"{path}: this is no backup of newsletter, or it is damaged ({error})") from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read, or what is in it cannot be written: {error.strerror}") from error


def read_manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    """Return what a backup says of itself."""
    try:
        with archive.open(MANIFEST) as packed:
            said: dict[str, Any] = json.loads(packed.read(LARGEST_MANIFEST))
        number = said["format"]
        if number != FORMAT:
            raise StoreError(
                f"{path}: this backup has format {number!r}, and this program reads format {FORMAT}; "
                "install the newsletter that made it, or a newer one"
            )
        manifest = Manifest(**{name: said[name] for name in Manifest.__dataclass_fields__})
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path}: this is no backup of newsletter, or it is damaged ({error})") from error
    return manifest


def extract(archive: zipfile.ZipFile, manifest: Manifest, name: str, folder: Path) -> Path:
    """Write one part into ``folder`` and return its path; StoreError when it is not there or not what was put in."""
    target = folder / name
    try:
        with archive.open(name) as packed, target.open("xb") as file:
            shutil.copyfileobj(packed, file)
    except KeyError:
        raise StoreError(f"{archive.filename}: the backup holds no {name}; it is not whole") from None
    if sha256_of(target) != manifest.sha256.get(name):
        raise StoreError(f"{archive.filename}: {name} is not what was backed up; the file is damaged")
    return target


@contextmanager
def working_folder(beside: Path) -> Iterator[Path]:
    """Yield a new folder for its owner alone, on the disk that ``beside`` lies on, and remove it at the end."""
    try:
        beside.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".newsletter-", dir=beside)
    except OSError as error:
        raise StoreFullError(f"{beside}: cannot be written: {error.strerror}") from error
    with folder as name:
        yield Path(name)
