"""The kinds of value that a configuration is made of: each reads text and says what is wrong with it.

Every complaint is a :class:`PydanticCustomError` whose context holds ``message`` and ``advice``, both for people.
"""

from __future__ import annotations

import difflib
import functools
import ipaddress
import re
import zoneinfo
from dataclasses import dataclass
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from newsletter.core.address import parse_address
from newsletter.errors import AddressError
from newsletter.model import EmailAddress

if TYPE_CHECKING:
    from collections.abc import Iterable

CATEGORY = re.compile(r"[A-Za-z][A-Za-z-]*(\.[A-Za-z][A-Za-z-]*)?")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
TIME = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
MAXIMUM_LINE = 200


class Section(BaseModel):
    """A part of the configuration: frozen, and strict about its keys. A key without a value counts as not given."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def drop_empty(cls, data: Any) -> Any:
        """Return the data without the known keys that have no value, so that their defaults hold."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name (may be empty) with a mail address, as ``From`` and ``Reply-To`` show them."""

    name: str
    address: EmailAddress

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else str(self.address)


def complaint(message: str, advice: str = "") -> PydanticCustomError:
    """Return the error by which a validator refuses a value."""
    return PydanticCustomError("complaint", "{message}", {"message": message, "advice": advice})


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return "did you mean …?" when a known word is near, else an empty text."""
    candidates = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), list(candidates), n=1, cutoff=0.6)
    return f"did you mean “{candidates[near[0]]}”?" if near else ""


def read_address(value: Any) -> EmailAddress:
    """Return a mail address from text."""
    if isinstance(value, EmailAddress):
        return value
    if not isinstance(value, str):
        raise complaint("should be a mail address", "write it as name@domain")
    try:
        return parse_address(value.strip())
    except AddressError as error:
        raise complaint(str(error)) from error


def read_mailbox(value: Any) -> Mailbox:
    """Return a name with an address from ``Name <name@domain>``, ``"Name" <name@domain>`` or ``name@domain``."""
    if isinstance(value, Mailbox):
        return value
    if not isinstance(value, str) or not value.strip():
        raise complaint("should be a mail address with a name", 'write it as "Name <name@domain>"')
    name, bracket, rest = value.strip().rpartition("<")
    if bracket and not rest.endswith(">"):
        raise complaint("the address is not closed with >", 'write it as "Name <name@domain>"')
    address = read_address(rest[:-1] if bracket else value)
    if address.needs_smtputf8:
        raise complaint(f"“{address}” has letters before the @ that many mail servers refuse", "use an ASCII address")
    name = name.strip()
    if name[:1] == name[-1:] == '"':
        name = name[1:-1].strip()
    return Mailbox(check_line(name) if name else "", address)


def check_line(value: str) -> str:
    """Return a text that may stand in a mail header: one printable line."""
    value = value.strip()
    if not value:
        raise complaint("is empty", "write a text, or leave the key out")
    if not value.isprintable():
        raise complaint("must be one line of readable characters", "remove line breaks and invisible characters")
    if len(value) > MAXIMUM_LINE:
        raise complaint(f"is longer than {MAXIMUM_LINE} characters", "shorten it")
    return value


def check_name(value: str) -> str:
    """Return a name that is safe in commands, CSV columns and addresses of pages."""
    if not NAME.fullmatch(value):
        raise complaint(
            f"“{value[:80]}” cannot be a name", "use up to 64 letters (a to z), digits, dots, hyphens and underscores"
        )
    return value


def check_category(value: str) -> str:
    """Return an arXiv category or archive, such as cs.LG or hep-th."""
    if not CATEGORY.fullmatch(value):
        parts = re.split(r"[\s,+;]+", value.strip())
        if len(parts) > 1 and all(CATEGORY.fullmatch(part) for part in parts):
            raise complaint(f"“{value}” is more than one category", f"write [{', '.join(parts)}]")
        advice = "write it as archive.SUBJECT, such as cs.LG, or as archive alone for all of it"
        raise complaint(f"“{value[:80]}” is not an arXiv category", advice)
    return value


def check_language(value: str) -> str:
    """Return a language tag (RFC 5646), such as en or de-CH."""
    if not LANGUAGE.fullmatch(value):
        raise complaint(f"“{value[:80]}” is not a language", "write its code, such as en, de or pt-BR")
    return value


@functools.cache
def zone_names() -> frozenset[str]:
    """Return the IANA names of all time zones that this machine knows."""
    return frozenset(zoneinfo.available_timezones())


def check_zone(value: str) -> str:
    """Return the IANA name of a time zone."""
    if value in zone_names():
        return value
    by_city = {name.rpartition("/")[2].casefold(): name for name in sorted(zone_names()) if "/" in name}
    place = value.strip().replace(" ", "_").casefold()
    near = by_city.get(place.rpartition("/")[2])
    advice = f"did you mean “{near}”?" if near else suggestion(value, zone_names())
    raise complaint(f"“{value[:80]}” is not a time zone", advice or "write an IANA name, such as Europe/Berlin or UTC")


def read_time(value: Any) -> time:
    """Return a time of day from ``HH:MM`` (24 hours)."""
    if isinstance(value, time):
        return value
    found = TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:  # noqa: PLR2004 (the hours and minutes of a day)
        shown = f"“{value}” is" if isinstance(value, str | int) else "this is"
        raise complaint(f"{shown} not a time of day", 'write it as "HH:MM" in 24 hours, such as "07:00"')
    return time(int(found[1]), int(found[2]))


def check_url(value: str) -> str:
    """Return an http or https address."""
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    if not is_good or not value.isprintable() or " " in value:
        raise complaint(
            f"“{value[:200]}” is not a web address", "write it in full, such as https://example.org/feed.xml"
        )
    return value


def check_webhook_url(value: SecretStr) -> SecretStr:
    """Return a web address that may hold a key, and so is repeated in no message."""
    try:
        check_url(value.get_secret_value().strip())
    except PydanticCustomError:
        raise complaint("this is not a web address", "write it in full, such as https://example.org/hook") from None
    return SecretStr(value.get_secret_value().strip())


def check_public_url(value: str) -> str:
    """Return the address under which readers reach the pages, without a final slash; https unless it is loopback."""
    value = check_url(value).rstrip("/")
    parts = urlsplit(value)
    if len(value) > MAXIMUM_LINE:  # links in headers begin with it, and their lines may have 998 octets
        raise complaint(f"is longer than {MAXIMUM_LINE} characters", "take a shorter one")
    if parts.query or parts.fragment:
        raise complaint("a public address has no ? and no #", "write only the scheme, the host and a path")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise complaint(
            f"“{value}” is not https",
            "mail programs offer one-click unsubscribing over https only (RFC 8058): put a proxy with TLS before it",
        )
    return value


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost" or host.casefold().endswith(".localhost")


def read_network(value: Any) -> IPv4Network | IPv6Network:
    """Return a network from ``10.0.0.0/8``, or one address as the network of itself."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError:
        advice = "write addresses or networks, such as 127.0.0.1 or 10.0.0.0/8"
        raise complaint(f"“{str(value)[:80]}” is not a network", advice) from None


def check_path(value: Path) -> Path:
    """Return a path that can exist."""
    if not str(value).isprintable() or value == Path():
        raise complaint("is not a path", "write the path of a file or directory")
    return value


Address = Annotated[EmailAddress, PlainValidator(read_address)]
Sender = Annotated[Mailbox, PlainValidator(read_mailbox)]
Line = Annotated[str, AfterValidator(check_line)]
Name = Annotated[str, AfterValidator(check_name)]
Category = Annotated[str, AfterValidator(check_category)]
Language = Annotated[str, AfterValidator(check_language)]
Zone = Annotated[str, AfterValidator(check_zone)]
TimeOfDay = Annotated[time, PlainValidator(read_time)]
Url = Annotated[str, AfterValidator(check_url)]
WebhookUrl = Annotated[SecretStr, AfterValidator(check_webhook_url)]
PublicUrl = Annotated[str, AfterValidator(check_public_url)]
FilePath = Annotated[Path, AfterValidator(check_path)]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(read_network)]
Port = Annotated[int, Field(ge=1, le=65535)]
ListenPort = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


LowerCase = BeforeValidator(_lower)
