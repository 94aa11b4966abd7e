"""Greek letters and their names, in keywords and in texts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newsletter.core.match import Matcher
from newsletter.core.search import query_matches
from newsletter.core.stem import fold
from newsletter.model import Keyword, Paper, Profile, Topic


def paper(title: str) -> Paper:
    return Paper(1, title, "", (), "", datetime(2026, 1, 1, tzinfo=UTC), 1)


def is_found(keyword: str, *titles: str) -> bool:
    matcher = Matcher([Profile("p", "P", topics=(Topic("T", (Keyword(keyword),)),))])
    assert not matcher.problems
    return bool(matcher.scan([paper(title) for title in titles]).matches("p"))


@pytest.mark.parametrize("keyword", ["beta-VAE", "beta VAE", "betaVAE", "β-VAE", "βVAE", r"$\beta$-VAE", r"$\beta$VAE"])
@pytest.mark.parametrize(
    "title", ["beta-VAE", "Beta VAEs", "a betaVAE", "β-VAE", "βVAEs", r"$\beta$-VAE", r"$\beta$VAE", "𝛽-VAE", "β–VAE"]
)
def test_a_letter_is_its_name_in_every_spelling(keyword: str, title: str) -> None:
    assert is_found(keyword, title)


@pytest.mark.parametrize(
    ("keyword", "title"),
    [
        ("alpha-divergence", r"$\alpha$-divergences"),
        (r"$\alpha$-divergence", "alpha-divergences"),
        ("φ", "ϕ"),
        (r"$\varphi$", "phi"),
        ("theta", r"$\vartheta$"),
        ("θ", "ϑ"),
        ("ε", "ϵ"),
        ("epsilon", r"$\epsilon$-greedy and $\varepsilon$"),
        ("beta2", "β₂"),
        ("beta-2", "β2"),
        ("chi2", "a χ² test"),
        ("beta", r"$\hat\beta$"),
        ("sigma", "Σ"),
        ("μ", "\u00b5"),
        ("Lambda CDM", "ΛCDM"),
        (r"$\Lambda$CDM", "Lambda-CDM"),
        ("NF-kappaB", "NF-κB"),
        ("TNF-alpha", "TNFα"),
        ("amyloid beta", "amyloid-β"),
        ("lambda calculus", "λ-calculus"),
        ("beta*", "β-catenin"),
        ('"β-VAE"', "a β-VAE"),
        ("η μέθοδος", "Η μέθοδος"),
        ("μέθοδος", "η μέθοδος"),
    ],
)
def test_letters_and_names_match(keyword: str, title: str) -> None:
    assert is_found(keyword, title)


@pytest.mark.parametrize(
    ("keyword", "title"),
    [
        ("eta", "η μέθοδος της μάθησης"),
        ("eta", "είναι ή όχι"),
        ("pi", "π.χ. η μέθοδος"),
        ("omicron", "ο Όμηρος"),
        ("beta", "βήτα"),
        ("alpha", "αβγ"),
        ("mug", "5 μg"),
        ("chip", r"$\chi_p$"),
        ("pit", r"$\pi_t$"),
        ('"beta-VAE"', "β-VAE"),
    ],
)
def test_greek_prose_and_units_are_not_spelled_out(keyword: str, title: str) -> None:
    assert not is_found(keyword, title)


def test_a_greek_text_takes_nothing_from_the_formulas_of_another() -> None:
    assert is_found("eta", "η μέθοδος", r"the $\eta$ meson")
    assert is_found("beta", "αβγ and β-carotene")


def test_a_query_finds_letters_by_name() -> None:
    assert query_matches("beta", paper(r"$\beta$-decay"))
    assert query_matches("ti:β AND decay", paper("beta decay"))


@pytest.mark.parametrize("token", ["ή", "Ή", "ἡ", "ΐ", "β", "ῥ", "β̂", "Ω", "ς", "Αθήνα", "ᾳ"])
def test_folding_is_final(token: str) -> None:
    assert fold(fold(token)) == fold(token)
