"""Which papers a profile admits before any keyword counts: categories, sources, replacements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.model import Replacements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.model import Paper, Profile


def is_category(pattern: str, category: str) -> bool:
    """Return whether ``category`` is the one meant: ``cs.LG`` exactly, ``cs.*`` and ``cs`` all of the archive."""
    wanted, stated = pattern.casefold().strip(), category.casefold().strip()
    if wanted.endswith("*"):
        return stated.startswith(wanted[:-1]) or stated == wanted[:-1].rstrip(".")
    return stated == wanted or ("." not in wanted and stated.startswith(wanted + "."))


def matching_category(patterns: Sequence[str], paper: Paper) -> str | None:
    """Return the first of the paper's categories that one of the patterns means."""
    return next((name for name in paper.categories if any(is_category(pattern, name) for pattern in patterns)), None)


def admits(profile: Profile, paper: Paper) -> bool:
    """Return whether a profile's filters let a paper through."""
    return not refusals(profile, paper)


def refusals(profile: Profile, paper: Paper) -> list[str]:
    """Return, in words for an admin, each filter of the profile that keeps the paper out."""
    found: list[str] = []
    if profile.categories and matching_category(profile.categories, paper) is None:
        stated = f"the paper is in {', '.join(paper.categories)}" if paper.categories else "the paper states none"
        found.append(f"not in the categories {', '.join(profile.categories)}: {stated}")
    if profile.sources and set(profile.sources).isdisjoint(paper.sources):
        brought = ", ".join(paper.sources) or "no source known"
        found.append(f"not from the sources {', '.join(profile.sources)}: it came by {brought}")
    if profile.replacements is Replacements.IGNORE and paper.announce_type.is_replacement:
        found.append("a newer version of an older paper, and this profile ignores replacements")
    return found
