"""Every format that is understood, and how to tell which one a document is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from newsletter.sources.reading.daily_papers import is_daily_papers, read_daily_papers
from newsletter.sources.reading.document import NotAFeedError, decode, xml_of
from newsletter.sources.reading.drafting import Context, Reading
from newsletter.sources.reading.json_feed import is_json_feed, read_json_feed

if TYPE_CHECKING:
    from datetime import datetime

ADVICE: Final = {"feed": "kind: feed", "jsonfeed": "kind: jsonfeed", "huggingface": "kind: huggingface"}
NAMES: Final = {"feed": "RSS or Atom", "jsonfeed": "a JSON Feed", "huggingface": "Hugging Face's daily papers"}


def read_document(body: bytes, expected: str, charset: str | None, url: str, now: datetime) -> Reading:
    """Return the entries of a document in the ``expected`` format: ``feed``, ``jsonfeed``, ``huggingface`` or ``any``.

    NotAFeedError when it is empty, a web page or something else; ServiceError when it is arXiv's error message.
    """
    decoded = decode(body, charset)
    text = decoded.text.strip("\ufeff \t\r\n\0")
    if not text:
        raise NotAFeedError("is empty")
    context = Context(url, now)
    reading = read_json(text, expected, context) if text[0] in "{[" else read_xml(text, expected, context)
    if decoded.note:
        reading.notes.insert(0, decoded.note)
    return reading


def read_xml(text: str, expected: str, context: Context) -> Reading:
    """Return the entries of RSS or Atom."""
    from newsletter.sources.reading.syndicated_entry import read_syndicated  # noqa: PLC0415 (feedparser is slow to load)
    from newsletter.sources.reading.syndication import parse_syndicated  # noqa: PLC0415

    parsed = parse_syndicated(xml_of(text))
    refuse_other("feed", expected)
    return read_syndicated(parsed, context)


def read_json(text: str, expected: str, context: Context) -> Reading:
    """Return the entries of one of the JSON formats."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise NotAFeedError(f"begins like JSON but is not: {error.msg} in line {error.lineno}") from error
    if is_daily_papers(value):
        refuse_other("huggingface", expected)
        return read_daily_papers(value, context)
    if is_json_feed(value):
        refuse_other("jsonfeed", expected)
        return read_json_feed(value, context)
    said = value.get("error") or value.get("message") if isinstance(value, dict) else None
    raise NotAFeedError(
        f"is JSON, but no feed; it says: {said[:200]}" if isinstance(said, str) else "is JSON, but no feed"
    )


def refuse_other(found: str, expected: str) -> None:
    """Raise NotAFeedError when a document is a feed, but of another kind than was configured."""
    if expected not in ("any", found):
        raise NotAFeedError(f"is {NAMES[found]}, not {NAMES[expected]}; set {ADVICE[found]} for it")
