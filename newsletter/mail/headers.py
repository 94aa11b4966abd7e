"""Header fields as bytes, written by hand: Python's own generator turns long List-Unsubscribe addresses into encoded
words, which no mail program follows (CPython issue 85725).
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from newsletter.core.printable import clip, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LINE = 76  # RFC 2047, 2 for lines with encoded words; RFC 5322, 2.1.1 would have 78 for others
_TEXT_LIMIT = 200  # characters of a subject or name; longer ones help nobody
_ENCODED_WORD = 64  # RFC 2047, 2 allows 75; less leaves room for the field's name before the first one
_FRAME = len("=?utf-8?q??=")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")  # atext and spaces: a phrase that needs no quotes (3.2.5)
_Q_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")  # RFC 2047, 5 (3)
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u2060-\u2064]")  # of no use in a header, and a way to deceive
_NOT_IN_ADDRESS = re.compile(r"[\s<>,;]")
_ENCODED_START = re.compile(r"=+(?=\?)")  # would begin an encoded word, which no address may hold (RFC 2047, 5)
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9.!#$%&'*+/^_`{|}~@-]")
_NOT_IN_TOKEN = re.compile(r"[\s<>]")
_URI_KEPT = "!#$%&'()*+/:;=?@[]~"  # no comma, which would end the URI (RFC 2369, 2)


def header_text(text: str) -> str:
    """Return ``text`` fit for a header: one line, no control, direction-changing or invisible characters, NFC, at
    most 200 characters.
    """
    return clip(one_line(_INVISIBLE.sub("", text)), _TEXT_LIMIT)


def unstructured(name: str, text: str) -> bytes:
    """Return a field of free text, e.g. Subject, folded at spaces, with what is not ASCII in encoded words."""
    return _folded(name, list(_words(header_text(text))))


def mailbox(name: str, display_name: str, address: str) -> bytes:
    """Return a field of one mailbox (RFC 5322, 3.4). A local part that is not ASCII is left as UTF-8 (RFC 6532, 3.2):
    sending it is the transport's to decide.
    """
    angle = f"<{_address(address)}>"
    shown = header_text(display_name)
    if not shown:
        return _folded(name, [_address(address)])
    return _folded(name, [*_phrase(shown), angle])


def list_id(display_name: str, identifier: str) -> bytes:
    """Return the List-Id field (RFC 2919), without a name where that would need encoded words: filters compare the
    field as it stands.
    """
    shown = header_text(display_name)
    is_plain = shown.isascii() and "=?" not in shown
    return _folded("List-Id", [*(_phrase(shown) if shown and is_plain else ()), f"<{_NOT_IN_ID.sub('', identifier)}>"])


def message_id(identifier: str) -> bytes:
    """Return the Message-ID field (RFC 5322, 3.6.4), of what an id may hold without quotes or encoded words."""
    return f"Message-ID: <{_NOT_IN_ID.sub('', identifier)}>\r\n".encode("ascii")


def uris(name: str, addresses: Sequence[str]) -> bytes:
    """Return a field of URIs (RFC 2369, 2), each on its own line where they do not fit on one. Never encoded words."""
    enclosed = [f"<{quote(_token(address), safe=_URI_KEPT).replace('=?', '=%3F')}>" for address in addresses]
    line = f"{name}: {', '.join(enclosed)}"
    return (line if len(line) <= _LINE else f"{name}: " + ",\r\n ".join(enclosed)).encode("ascii") + b"\r\n"


def plain(name: str, value: str) -> bytes:
    """Return a field whose value is ASCII and short; whatever is not printable ASCII in it is left out."""
    return f"{name}: {_ascii(value)}\r\n".encode("ascii")


def _folded(name: str, words: Sequence[str]) -> bytes:
    """Return the field with a line break before each word that would not fit, never before the first one."""
    line, lines = f"{name}:", []
    for index, word in enumerate(words):
        if index and len(line.encode()) + 1 + len(word.encode()) > _LINE:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]).encode() + b"\r\n"


def _phrase(text: str) -> Iterator[str]:
    if text.isascii() and "=?" not in text:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        yield from (text if _ATOMS.fullmatch(text) else f'"{quoted}"').split(" ")
    else:
        yield from _encoded(text)


def _words(text: str) -> Iterator[str]:
    """Yield the words of ``text``, runs of those that need it as encoded words (the spaces within such a run too, for
    readers drop what stands between two encoded words; RFC 2047, 6.2).
    """
    run: list[str] = []
    for word in text.split(" "):
        if word.isascii() and "=?" not in word:
            yield from _encoded(" ".join(run)) if run else ()
            run = []
            yield word
        else:
            run.append(word)
    yield from _encoded(" ".join(run)) if run else ()


def _encoded(text: str) -> Iterator[str]:
    """Yield ``text`` as encoded words of at most 64 characters, no character split between two."""
    as_q = sum(1 if byte in _Q_PLAIN or byte == 0x20 else 3 for byte in text.encode())  # noqa: PLR2004 (a space)
    encode = _q if as_q <= len(text.encode()) * 4 / 3 + 4 else _b
    chunk = ""
    for character in text:
        if chunk and len(encode(chunk + character)) > _ENCODED_WORD - _FRAME:
            yield _framed(chunk, encode is _q)
            chunk = ""
        chunk += character
    yield _framed(chunk, encode is _q)


def _framed(chunk: str, is_q: bool) -> str:  # noqa: FBT001 (private)
    return f"=?utf-8?q?{_q(chunk)}?=" if is_q else f"=?utf-8?b?{_b(chunk)}?="


def _q(text: str) -> str:
    return "".join(chr(byte) if byte in _Q_PLAIN else "_" if byte == 0x20 else f"={byte:02X}" for byte in text.encode())  # noqa: PLR2004 (a space)


def _b(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")


def _address(address: str) -> str:
    return _ENCODED_START.sub("", _NOT_IN_ADDRESS.sub("", one_line(address)))


def _token(value: str) -> str:
    return _NOT_IN_TOKEN.sub("", one_line(value))


def _ascii(value: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "", one_line(value))
