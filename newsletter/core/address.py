"""Mail addresses: text becomes an :class:`EmailAddress` here, strictly, or is refused with a reason.

Nothing behind this door looks at an address again, so what passes must be safe in an SMTP envelope and in a header:
exactly one plain ``local@domain`` (RFC 5321 section 4.1.2, ``Dot-string``), with neither quoting nor routing.
"""

from __future__ import annotations

import unicodedata

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, ValidatedEmail, validate_email

from newsletter.errors import AddressError
from newsletter.model import EmailAddress

MAXIMUM_OCTETS = 254  # RFC 5321 section 4.5.3.1.3 allows a path of 256 octets, and that includes "<" and ">"
MAXIMUM_LOCAL_OCTETS = 64  # RFC 5321 section 4.5.3.1.1

# Mail inside a house uses names of its own (.local, .test), which the library would refuse: it offers this list to be
# changed. What no mail server can ever have stays refused.
SPECIAL_USE_DOMAIN_NAMES[:] = ["arpa", "invalid", "localhost", "onion"]

# What people leave the ending off; only used in advice, never to change an address.
WELL_KNOWN_DOMAINS = {
    "gmail": "gmail.com",
    "googlemail": "googlemail.com",
    "hotmail": "hotmail.com",
    "icloud": "icloud.com",
    "outlook": "outlook.com",
    "proton": "proton.me",
    "protonmail": "protonmail.com",
    "yahoo": "yahoo.com",
}

# Each character that an address of ours never holds, and what somebody who wrote it should do. The order matters:
# the character that explains the most comes first.
FORBIDDEN = (
    (";", "it holds more than one address", "give one address at a time"),
    ("<>", "it holds angle brackets", "write the address alone, without a name and without < and >"),
    ('"', 'it has a quoted part ("…")', "quoted addresses are not supported; use one without quotation marks"),
    ("()", "it holds a comment in parentheses", "write the address alone"),
    ("[]", "its domain is an IP address in brackets", "use a domain name after the @"),
    (",", "it holds a comma", "give one address at a time, with dots in its domain"),
    (":", "it holds a colon, as source routes and groups do", "write the address alone"),
    ("%!", "it holds % or !, which mail servers read as a route", "write the address as name@domain"),
    ("\\", "it holds a backslash", "write the address as name@domain"),
)


def parse_address(text: str) -> EmailAddress:
    """Return the address that ``text`` is; AddressError with one line of reason and advice when it is not one.

    White space around it is refused too: whoever takes text from people strips it first. The local part is
    normalised to NFC and keeps its case, except in ``key``; the domain is lower case, ``text`` holds it as people
    read it (U-labels) and ``wire`` as mail servers do (A-labels, RFC 5890).
    """
    _refuse_characters(text)
    _refuse_shape(text)
    try:
        found = validate_email(text, check_deliverability=False)
    except EmailNotValidError as error:
        raise _refusal(text, str(error).rstrip(".")) from error
    except ValueError as error:  # the idna package lets some labels escape as its own errors
        raise _refusal(text, f"its domain is not valid: {error}") from error
    return _address(text, found)


def _address(text: str, found: ValidatedEmail) -> EmailAddress:
    """Return the forms of a valid address; AddressError when a form is too long for SMTP."""
    local, domain, wire_domain = found.local_part, found.domain.lower(), found.ascii_domain.lower()
    wire = f"{local}@{wire_domain}"
    if len(local.encode()) > MAXIMUM_LOCAL_OCTETS:
        raise _refusal(text, f"the part before the @ is longer than {MAXIMUM_LOCAL_OCTETS} bytes")
    if len(wire.encode()) > MAXIMUM_OCTETS or len(f"{local}@{domain}".encode()) > MAXIMUM_OCTETS:
        raise _refusal(text, f"it is longer than {MAXIMUM_OCTETS} bytes")
    return EmailAddress(
        text=f"{local}@{domain}",
        wire=wire,
        key=f"{unicodedata.normalize('NFC', local.casefold())}@{wire_domain}",
        needs_smtputf8=not local.isascii(),
    )


def _refuse_characters(text: str) -> None:
    """Raise AddressError when ``text`` holds what could end a line, hide itself, or carry more than an address."""
    if not text.strip():
        raise AddressError("the address is empty: write it as name@domain")
    for character in text:
        if character in "\r\n":
            raise _refusal(text, "it holds a line break", "write the address on one line, alone")
        if character.isspace():
            raise _refusal(text, "it holds a space", "remove it")
        if unicodedata.category(character)[0] == "C":  # NUL, controls, invisible formatting, surrogates, unassigned
            raise _refusal(text, f"it holds the invisible character U+{ord(character):04X}", "type the address anew")
    if "=?" in text:
        raise _refusal(text, "it holds =?, which mail programs read as encoded text (RFC 2047)")
    for characters, reason, advice in FORBIDDEN:
        if any(character in text for character in characters):
            raise _refusal(text, reason, advice)


def _refuse_shape(text: str) -> None:
    """Raise AddressError when ``text`` is not one ``local@domain`` with a dot in its domain."""
    local, at, domain = text.partition("@")
    if not at:
        raise _refusal(text, "the @ is missing", "write it as name@domain")
    if "@" in domain:
        raise _refusal(text, "it holds more than one @", "give one address, as name@domain")
    if not local:
        raise _refusal(text, "there is nothing before the @", "write it as name@domain")
    if not domain:
        raise _refusal(text, "there is nothing after the @", "write it as name@domain")
    if "." not in domain and domain.isascii():
        whole = WELL_KNOWN_DOMAINS.get(domain.lower())
        advice = f"did you mean {local}@{whole}?" if whole else "write the whole domain, such as example.org"
        raise _refusal(text, "its domain has no dot", advice)
    if domain.rpartition(".")[2].isdigit():
        raise _refusal(text, "its domain is an IP address or ends in a number", "use a domain name after the @")


def _refusal(text: str, reason: str, advice: str = "") -> AddressError:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:100])
    if len(text) > len(text[:100]):
        shown += "…"
    reason = reason[:1].lower() + reason[1:]
    return AddressError(f"“{shown}” is not a mail address: {reason}" + (f"; {advice}" if advice else ""))
