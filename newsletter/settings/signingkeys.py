"""The private keys that mails are signed with, read from their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from newsletter.core.domains import belongs_together
from newsletter.core.signing import ADVISED_RSA, Algorithm, SigningKey, UnusableKeyError, read_key
from newsletter.model import Problem
from newsletter.settings.reading import read_text
from newsletter.settings.secrets import exposure

if TYPE_CHECKING:
    from newsletter.settings.dkimmodels import DkimKeySettings
    from newsletter.settings.explain import Locate
    from newsletter.settings.models import Settings


def signing_keys(settings: Settings) -> tuple[SigningKey, ...]:
    """Return the keys of settings that were loaded without a problem; none where mails are not signed here."""
    dkim = settings.mail.dkim
    return tuple(_key(each) for each in dkim.keys) if dkim else ()


def with_signing_keys(settings: Settings, locate: Locate) -> tuple[Settings, list[Problem]]:
    """Return settings that hold the text of each key's file, and what is wrong or unwise about the keys."""
    dkim, problems = settings.mail.dkim, []
    if dkim is None:
        return settings, []
    if not belongs_together(
        settings.mail.signing_domain, sender := settings.mail.sender.address.wire.rpartition("@")[2]
    ):
        message = f"signatures of {settings.mail.signing_domain} do not count for {sender} (DMARC)"
        advice = "leave it out, or take the sender's domain"
        problems.append(Problem(*locate(("mail", "dkim", "domain")), message, advice, "warning"))
    keys = []
    for index, each in enumerate(dkim.keys):
        key, found = _loaded(each, locate(("mail", "dkim", "keys", index, "private_key_file")))
        keys.append(key)
        problems += found
    updated = dkim.model_copy(update={"keys": tuple(keys)})
    return settings.model_copy(update={"mail": settings.mail.model_copy(update={"dkim": updated})}), problems


def _loaded(settings: DkimKeySettings, place: tuple[str, int, int]) -> tuple[DkimKeySettings, list[Problem]]:
    """Return the key's settings with its text, and the problems at ``place``, which name the file."""
    path, problems = settings.private_key_file, []
    said = str(path) if path else f"private_key of {settings.selector}"
    if path is not None:
        text = read_text(path, str(path))
        if isinstance(text, Problem):
            return settings, [Problem(*place, f"{path}: {text.message}", text.advice)]
        settings = settings.model_copy(update={"private_key": SecretStr(text)})
        problems = exposure(path, place)
    try:
        key = _key(settings)
    except UnusableKeyError as error:
        return settings, [*problems, Problem(*place, f"{said}: {error.message}", error.advice)]
    if key.algorithm is Algorithm.RSA and key.bits < ADVISED_RSA:
        message = f"{said}: the key has {key.bits} bits, which receivers hardly trust any more"
        problems.append(Problem(*place, message, "make one of 2048 bits with `newsletter dkim generate`", "warning"))
    return settings, problems


def _key(settings: DkimKeySettings) -> SigningKey:
    text = settings.private_key.get_secret_value() if settings.private_key else ""
    algorithm = None if settings.algorithm == "auto" else Algorithm(settings.algorithm)
    return read_key(text, settings.selector, algorithm)
