"""A paper as a reference: BibTeX, and RIS for reference managers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from newsletter.core.stem import fold
from newsletter.core.text import readable, readable_name

if TYPE_CHECKING:
    from newsletter.model import Paper

SPECIAL: Final = re.compile(r"[\\{}$&#%_^~]")
# BibTeX counts braces behind a backslash, too, so that a single one would end the entry.
ESCAPES: Final = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
}
DIVIDED: Final = re.compile(r"\band\b|,.*,.*,", re.IGNORECASE)  # BibTeX reads several names, or parts that it has not


def bibtex(paper: Paper) -> str:
    """Return a BibTeX entry; characters that TeX would read otherwise are escaped."""
    known_at = paper.published_at or paper.first_seen_at
    fields = {
        "title": f"{{{escaped(readable(paper.title))}}}",
        "author": " and ".join(map(one_name, names_of(paper))),
        "year": str(known_at.year),
        "journal": escaped(readable(paper.journal_reference or "")),
        "eprint": paper.arxiv_id or "",
        "archivePrefix": "arXiv" if paper.arxiv_id else "",
        "primaryClass": escaped(paper.categories[0]) if paper.arxiv_id and paper.categories else "",
        "doi": escaped(paper.doi or ""),
        "url": escaped(paper.url),
    }
    lines = [f"  {name} = {{{value}}},\n" for name, value in fields.items() if value]
    return f"@{'article' if paper.journal_reference else 'misc'}{{{key_of(paper)},\n{''.join(lines)}}}\n"


def key_of(paper: Paper) -> str:
    """Return e.g. ``lovelace2026paper17``: letters and digits alone, one key a paper."""
    family = readable_name(paper.authors[0]).split()[-1:] if paper.authors else []
    name = re.sub("[^a-z]", "", fold("".join(family))) or "anonymous"
    return f"{name}{(paper.published_at or paper.first_seen_at).year}paper{paper.id}"


def names_of(paper: Paper) -> list[str]:
    """Return the authors as people write them, those without a name left out."""
    return [name for each in paper.authors if (name := readable_name(each).strip())]


def one_name(name: str) -> str:
    """Return an author's name, held together where BibTeX would divide it."""
    return f"{{{escaped(name)}}}" if DIVIDED.search(name) else escaped(name)


def escaped(text: str) -> str:
    """Return text as TeX reads it as it stands."""
    return SPECIAL.sub(lambda found: ESCAPES.get(found[0], "\\" + found[0]), text)


def ris(paper: Paper) -> str:
    """Return a RIS record, lines ended as its readers expect."""
    known_at = paper.published_at or paper.first_seen_at
    lines = [("TY", "JOUR" if paper.journal_reference else "UNPB"), ("TI", readable(paper.title))]
    lines += [("AU", name) for name in names_of(paper)]
    lines += [("PY", str(known_at.year)), ("DA", f"{known_at:%Y/%m/%d}"), ("AB", readable(paper.abstract))]
    lines += [("JO", readable(paper.journal_reference or "")), ("DO", paper.doi or ""), ("UR", paper.url)]
    told = [f"{tag}  - {value}\r\n" for tag, value in lines if value]
    return "".join(told) + "ER  - \r\n"


CITATIONS: Final = {
    "bibtex": (bibtex, "application/x-bibtex", "bib"),
    "ris": (ris, "application/x-research-info-systems", "ris"),
}
"""By the name that addresses have for it: what writes a reference, its media type, and the ending of its file."""
