"""Names of authors, one by one, from the many ways in which feeds string them together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from newsletter.sources.reading.text import readable_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LONGEST_NAME: Final = 300
MOST_AUTHORS: Final = 5_000  # the largest collaborations sign with some three thousand names
LONGEST_LIST: Final = 100_000

INITIAL: Final = r"[^\W\d_]{1,2}\.?"
INITIALS: Final = re.compile(rf"(?:{INITIAL}[\s‐-]*){{1,5}}")
BARE_INITIALS: Final = re.compile(r"[A-Z]{1,4}")
SUFFIX: Final = re.compile(r"(?:jr|sr|ii|iii|iv|phd|ph\.d|md|m\.d)\.?", re.IGNORECASE)
CONJUNCTION: Final = re.compile(r"\s*(?:,\s*)?(?:\s(?:and|und|et(?!\s+al\b))\s|\s?&\s)\s*", re.IGNORECASE)
LEADING: Final = re.compile(r"^(?:by:?|authors?:|and|&)\s+", re.IGNORECASE)
NOBODY: Final = frozenset({"unknown", "anonymous", "admin", "none", "n/a", "noreply"})


def authors_of(names: Sequence[str], *, is_arxiv: bool = False) -> tuple[str, ...]:
    """Return the authors in order, given name first, each once, without affiliations.

    ``names`` holds what stood in each author element: one name, or all of them in one string, as arXiv
    (``Ann Lee (MIT, USA), Bo Li``), bioRxiv (``Lee, A., Li, B. C.``) and Crossref (``Lee, Ann; Li, Bo``) write them.
    In arXiv's lists a name has no comma of its own.
    """
    cleaned = [text for name in names if (text := readable_text(name[:LONGEST_LIST], LONGEST_LIST))]
    if len(cleaned) > 1:
        singles: Iterable[str] = (given_first(outside_brackets(name)) for name in cleaned)
    else:
        singles = (name for text in cleaned for name in split_list(text, is_arxiv=is_arxiv))
    tidied = (LEADING.sub("", " ".join(name.split())).strip(" ,;") for name in singles)
    people = (name[:LONGEST_NAME] for name in tidied if name and name.lower() not in NOBODY and "@" not in name)
    return tuple(dict.fromkeys(people))[:MOST_AUTHORS]


def split_list(text: str, *, is_arxiv: bool) -> Iterator[str]:
    """Yield the names in one string."""
    text = LEADING.sub("", text)
    bare = outside_brackets(text)
    if ";" in bare and not is_arxiv:
        yield from (given_first(part.strip()) for part in bare.split(";"))
        return
    listed = bare if is_arxiv else CONJUNCTION.sub(", ", bare)
    parts = [part.strip() for part in listed.split(",") if part.strip()]
    if not is_arxiv and are_inverted(parts):
        yield from (f"{initials} {family}" for family, initials in zip(parts[::2], parts[1::2], strict=True))
    elif not is_arxiv and is_one_inverted(parts):
        yield f"{parts[1]} {parts[0]}"
    else:
        yield from with_suffixes(parts)


def outside_brackets(text: str) -> str:
    """Return ``text`` without what stands in parentheses, however deep; one that never ends is dropped to its end."""
    depth, kept = 0, []
    for character in text:
        if character == "(":
            depth += 1
        elif character == ")":
            depth = max(0, depth - 1)
        elif not depth:
            kept.append(character)
    return "".join(kept)


def are_inverted(parts: Sequence[str]) -> bool:
    """Whether the parts are ``family, initials`` in turns."""
    return len(parts) % 2 == 0 and bool(parts) and all(is_initials(part) for part in parts[1::2])


def is_initials(part: str) -> bool:
    """Whether a part is made of initials: ``A. J. H.``, ``H.-X.``, ``J.-P.``, ``KK``."""
    if BARE_INITIALS.fullmatch(part):
        return True
    return "." in part and INITIALS.fullmatch(part) is not None


def is_one_inverted(parts: Sequence[str]) -> bool:
    """Whether the parts are one person, ``Lee, Ann``: a family name alone is nobody's full name."""
    return len(parts) == 2 and " " not in parts[0] and " " not in parts[1]  # noqa: PLR2004 (family and given name)


def given_first(name: str) -> str:
    """Return ``Ann Lee`` for ``Lee, Ann``, ``Ann Lee Jr.`` for ``Ann Lee, Jr.``, other names as they are."""
    parts = [part.strip() for part in name.split(",") if part.strip()]
    if len(parts) < 2 or SUFFIX.fullmatch(parts[1]):  # noqa: PLR2004 (family and given name)
        return " ".join(parts)
    family, given, *suffixes = parts
    return " ".join((given, family, *suffixes))


def with_suffixes(parts: Iterable[str]) -> Iterator[str]:
    """Yield names, a part that is only ``Jr.`` joined to the name before it."""
    pending = ""
    for part in parts:
        if pending and SUFFIX.fullmatch(part):
            pending = f"{pending} {part}"
            continue
        if pending:
            yield pending
        pending = part
    if pending:
        yield pending
