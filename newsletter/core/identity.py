"""Which paper an entry is about: identifiers as people and feeds write them, brought to one form.

One paper is one paper whether it comes by RSS, Atom, an API, a DOI feed or a cross-list. The keys, strongest first, are
the bare arXiv id, the DOI, the canonical link, and the normalised title with the first author's family name.
What a known paper then takes from an entry is decided in :mod:`newsletter.core.merging`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from newsletter.model import KeyScheme, PaperKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.model import Entry

# https://info.arxiv.org/help/arxiv_identifier.html: since 2007-04 YYMM.NNNN, since 2015-01 YYMM.NNNNN; before that
# archive/YYMMNNN, where a subject class after the archive (math.GT) is allowed but not part of the identity.
NEW_ARXIV_ID: Final = re.compile(
    r"(?P<month>[0-9]{2}(?:0[1-9]|1[0-2]))\.(?P<number>[0-9]{4,5})(?:v(?P<v>[1-9][0-9]{0,3}))?"
)
OLD_ARXIV_ID: Final = re.compile(
    r"(?P<archive>[a-z]+(?:-[a-z]+)?)(?:\.[a-z]{2}|\.[a-z]+-[a-z]+)?/"
    r"(?P<number>[0-9]{2}(?:0[1-9]|1[0-2])[0-9]{3})(?:v(?P<v>[1-9][0-9]{0,3}))?",
    re.IGNORECASE,
)
FIRST_NEW_MONTH: Final = "0704"
FIRST_LONG_MONTH: Final = "1501"
OLD_SCHEME_YEARS: Final = (*range(91, 100), *range(8))
ARXIV_PREFIX: Final = re.compile(r"(?:oai:arxiv\.org:|arxiv:\s*|(?:doi:\s*)?10\.48550/arxiv\.)", re.IGNORECASE)
ARXIV_PATH: Final = re.compile(r"/(?:abs|pdf|html|ps|format|e-print|src|papers)/(?P<id>.+?)(?:\.pdf)?/?")
ARXIV_DOI_PATH: Final = re.compile(r"/10\.48550/arxiv\.(?P<id>.+?)/?", re.IGNORECASE)
ARXIV_HOSTS: Final = ("arxiv.org", "alphaxiv.org", "ar5iv.org", "huggingface.co")
DOI_HOSTS: Final = ("doi.org", "dx.doi.org", "www.doi.org")

# The DOI Handbook, 2.2: "10.", a registrant code of digits and dots, "/", any printable characters; case-insensitive.
DOI: Final = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/[^\s\x00-\x1f\x7f]+", re.ASCII)
DOI_PREFIX: Final = re.compile(r"(?:info:doi/|urn:doi:|doi:\s*)", re.IGNORECASE)
DOI_IN_PATH: Final = re.compile(r"/(?:content|doi|article|chapter)/(?:[a-z]+/)?(?P<doi>10\.[0-9.]+/.+)", re.IGNORECASE)
PREPRINT_DOI: Final = re.compile(
    r"(?P<doi>10\.(?:1101|64898)/[0-9.]*[0-9])(?:v[0-9]+)?(?:\.[a-z].*|/.*)?", re.IGNORECASE
)
LONGEST_DOI: Final = 400

TRACKING: Final = frozenset(
    {"fbclid", "gclid", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "igshid", "mc_cid", "mc_eid"}
    | {"mkt_tok", "_hsenc", "_hsmi", "rss", "ref_src", "cmpid", "ncid"}
)
TRACKING_PREFIXES: Final = ("utm_", "pk_", "mtm_", "at_")
UNRESERVED: Final = "!$&'()*+,;=:@/~-._%"

TEX_ACCENT: Final = re.compile(r"\\(?:[\"'`^~=.]|[uvHcdbkrt](?=[\s{]))\s*\{?\\?([A-Za-z])\}?")
TEX_STYLE: Final = re.compile(
    r"\\(?:text|math)[a-z]*(?=\W)|\\(?:emph|bf|it|rm|sf|tt|em|sc|operatorname|boldsymbol|left|right|ensuremath)(?=\W)"
)
MARKUP: Final = re.compile(r"</?[A-Za-z][^<>]*>")
WORD: Final = re.compile(r"[^\W_]+")
NAME_SUFFIXES: Final = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md"})
SHORTEST_TITLE_LETTERS: Final = 16
SHORTEST_TITLE_WORDS: Final = 3
SHORTEST_UNSPACED_TITLE: Final = 8  # in Chinese or Japanese a title is one run of letters
LONGEST_INITIALS: Final = 3
STROKES: Final = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "’": None, "'": None})


def parse_arxiv_id(text: str) -> tuple[str, int | None] | None:
    """Return the bare arXiv id and the version that ``text`` names, or None when it is no arXiv id.

    Takes an id, ``arXiv:…``, an OAI identifier, a link to arXiv (abs, pdf, html, …), and arXiv's own DOI. Old ids keep
    their archive and lose their subject class, which never told papers apart: ``math.GT/0309136`` is
    ``math/0309136``.
    """
    text = text.strip()
    link = split_link(text)
    if link is not None:
        found = arxiv_id_of_link(link)
        return bare_arxiv_id(found) if found else None
    prefix = ARXIV_PREFIX.match(text)
    return bare_arxiv_id(text[prefix.end() :] if prefix else text)


def arxiv_id_of_link(link: SplitResult) -> str | None:
    """Return the part of a link's path where an arXiv id stands, if it leads to a place that shows arXiv papers."""
    host, path = link.hostname or "", unquote(link.path)
    if host in DOI_HOSTS:
        found = ARXIV_DOI_PATH.fullmatch(path)
    elif any(host == known or host.endswith("." + known) for known in ARXIV_HOSTS):
        found = ARXIV_PATH.fullmatch(path)
    else:
        return None
    return found["id"] if found else None


def bare_arxiv_id(text: str) -> tuple[str, int | None] | None:
    """Return the id without its version, and the version, of an id that stands alone."""
    if found := NEW_ARXIV_ID.fullmatch(text):
        month, number = found["month"], found["number"]
        digits = 5 if month >= FIRST_LONG_MONTH else 4
        if month < FIRST_NEW_MONTH or len(number) != digits or not int(number):
            return None
        return f"{month}.{number}", int(found["v"]) if found["v"] else None
    if found := OLD_ARXIV_ID.fullmatch(text):
        if int(found["number"][:2]) not in OLD_SCHEME_YEARS:
            return None
        return f"{found['archive'].lower()}/{found['number']}", int(found["v"]) if found["v"] else None
    return None


def parse_doi(text: str) -> str | None:
    """Return the bare DOI, in lower case, that ``text`` names, or None when it is no DOI.

    Takes a DOI, ``doi:…``, a link to a resolver, and publishers' links that hold the DOI in their path. bioRxiv's and
    medRxiv's version suffixes (``v2``, ``v1.full.pdf``) are not part of it.
    """
    text = text.strip()
    link = split_link(text)
    if link is None:
        prefix = DOI_PREFIX.match(text)
        return bare_doi(text[prefix.end() :] if prefix else text)
    path = unquote(link.path)
    if link.hostname in DOI_HOSTS:
        return bare_doi(path.lstrip("/"))
    found = DOI_IN_PATH.search(path)
    return bare_doi(found["doi"].rstrip("/")) if found else None


def bare_doi(text: str) -> str | None:
    """Return the lower-cased DOI that ``text`` consists of, without the punctuation of a sentence around it."""
    text = text.rstrip(".,;:")
    while text and text[-1] in ")]" and text.count(text[-1]) > text.count("(" if text[-1] == ")" else "["):
        text = text[:-1].rstrip(".,;:")
    if len(text) > LONGEST_DOI or not DOI.fullmatch(text):
        return None
    if preprint := PREPRINT_DOI.fullmatch(text):
        text = preprint["doi"]
    return text.lower()


def canonical_link(url: str) -> str:
    """Return the one form of a web link, by which links are compared; "" when it is no http(s) link.

    It is for comparing, not for following: https, no ``www.``, parameters in alphabetical order, no tracking, no
    fragment.
    """
    link = split_link(url.strip())
    if link is None or not link.hostname or not link.hostname.strip("."):
        return ""
    host = f"[{link.hostname}]" if ":" in link.hostname else without_www(link.hostname.rstrip("."))
    port = f":{link.port}" if link.port not in (None, 80, 443) else ""
    path = quote(unquote_unreserved(link.path), safe=UNRESERVED).rstrip("/")
    query = sorted(pair for pair in parse_qsl(link.query, keep_blank_values=True) if not is_tracking(pair[0]))
    return urlunsplit(("https", host + port, path or "/", urlencode(query), ""))


def without_www(host: str) -> str:
    """Return a host without the ``www.`` before a name that has a dot of its own (``www.com`` is a name itself)."""
    return re.sub(r"^(?:www\.)+(?=[^.]+\.)", "", host)


def split_link(text: str) -> SplitResult | None:
    """Return the parts of an http(s) link, or of one whose scheme was left out (``arxiv.org/abs/…``), else None."""
    if re.match(r"(?:[a-z0-9-]+\.)*(?:arxiv|doi|biorxiv|medrxiv)\.org/", text, re.IGNORECASE):
        text = "https://" + text
    try:
        link = urlsplit(text)
        usable = link.scheme in ("http", "https") and bool(link.hostname) and link.port != 0
    except ValueError:  # an impossible port or a broken IPv6 address
        return None
    return link if usable else None


def unquote_unreserved(path: str) -> str:
    """Return ``path`` with the escapes that RFC 3986, section 6.2.2, calls needless undone, the others in capitals."""

    def plain(escape: re.Match[str]) -> str:
        character = chr(int(escape[1], 16))
        return character if re.fullmatch(r"[A-Za-z0-9._~-]", character) else escape[0].upper()

    return re.sub(r"%([0-9A-Fa-f]{2})", plain, path)


def is_tracking(parameter: str) -> bool:
    """Whether a query parameter tells where a reader came from, not what they read."""
    name = parameter.lower()
    return name in TRACKING or name.startswith(TRACKING_PREFIXES)


def title_key(title: str, authors: Sequence[str]) -> str | None:
    """Return the normalised title with the first author's family name, or None when that could be many papers.

    Case, accents, TeX, hyphens and spaces do not count. A short title ("Editorial"), or one without an author, names
    nothing.
    """
    words = WORD.findall(plain_letters(title))
    letters = "".join(words)
    unspaced = sum(character > "⺀" for character in letters)
    spaced_enough = len(words) >= SHORTEST_TITLE_WORDS and len(letters) >= SHORTEST_TITLE_LETTERS
    if not authors or not (spaced_enough or unspaced >= SHORTEST_UNSPACED_TITLE):
        return None
    name = family_name(authors[0])
    return f"{letters}|{name}" if name else None


def normal_title(title: str) -> str:
    """Return the letters and digits of a title: equal for two spellings of the same title."""
    return "".join(WORD.findall(plain_letters(title)))


def plain_letters(text: str) -> str:
    """Return ``text`` in lower case without accents, TeX and tags, Greek letters by their names."""
    text = TEX_STYLE.sub(" ", TEX_ACCENT.sub(r"\1", MARKUP.sub("", text)))
    decomposed = unicodedata.normalize("NFKD", text.translate(STROKES))
    kept = (greek_name(character) for character in decomposed if not unicodedata.combining(character))
    return "".join(kept).casefold()


def greek_name(character: str) -> str:
    """Return ``alpha`` for ``α``; anything that is not Greek is returned as it is."""
    if not "Ͱ" <= character <= "Ͽ":
        return character
    name = unicodedata.name(character, "")
    return name.rsplit(" ", 1)[-1].lower() if name.startswith("GREEK") and "LETTER" in name else character


def family_name(author: str) -> str:
    """Return the normalised last word of the family name of ``Given Family``, ``Family, Given`` or ``Family GN``."""
    family, comma, _ = author.partition(",")
    words = [word for word in re.split(r"[\s.]+", TEX_ACCENT.sub(r"\1", family)) if word.strip("{}()")]
    while len(words) > 1 and words[-1].lower() in NAME_SUFFIXES:
        words.pop()
    trailing_initials = len(words) > 1 and words[-1].isupper() and len(words[-1]) <= LONGEST_INITIALS
    if not comma and trailing_initials and len(words[0]) > LONGEST_INITIALS and not words[0].isupper():
        words.pop()
    return "".join(WORD.findall(plain_letters(words[-1]))) if words else ""


def entry_arxiv_id(entry: Entry) -> str | None:
    """Return the bare arXiv id of an entry, from its id field, its identifier, its DOI or its link."""
    for text in (entry.arxiv_id, entry.entry_id, entry.doi, entry.url):
        found = parse_arxiv_id(text) if text else None
        if found:
            return found[0]
    return None


def entry_doi(entry: Entry) -> str | None:
    """Return the DOI of an entry; arXiv's own DOIs do not count, for the arXiv id says the same."""
    for text in (entry.doi, entry.entry_id, entry.url):
        doi = parse_doi(text) if text else None
        if doi and not doi.startswith("10.48550/arxiv."):
            return doi
    return None


def entry_link(entry: Entry) -> str | None:
    """Return the link that names an entry's paper, or None when it names none.

    A site's front page is no paper, and a list of publications is as many as it has fragments. Links to arXiv and to a
    DOI resolver say nothing that the stronger keys do not.
    """
    link = split_link(entry.url.strip())
    canonical = canonical_link(entry.url)
    if link is None or parse_arxiv_id(entry.url) or link.hostname in DOI_HOSTS:
        return None
    fragment = link.fragment if link.fragment and not re.search(r"[=~]", link.fragment) else ""
    is_front_page = link.path in ("", "/") and not urlsplit(canonical).query and not fragment
    return None if is_front_page else canonical + (f"#{fragment}" if fragment else "")


def paper_keys(entry: Entry) -> tuple[PaperKey, ...]:
    """Return every name that an entry gives its paper, strongest first."""
    values = (
        (KeyScheme.ARXIV, entry_arxiv_id(entry)),
        (KeyScheme.DOI, entry_doi(entry)),
        (KeyScheme.URL, entry_link(entry)),
        (KeyScheme.TITLE, title_key(entry.title, entry.authors)),
    )
    return tuple(PaperKey(scheme, value) for scheme, value in values if value)
