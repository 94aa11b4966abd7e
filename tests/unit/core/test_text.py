from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.text import readable, readable_name


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"in $\mathcal{O}(n \log n)$ time", "in O(n log n) time"),
        (r"$2n\log n\log m$", "2n log n log m"),
        (r"$x_{ij}^{2} \leq \sqrt{n}$", "xᵢⱼ² ≤ √n"),
        (r"$\mathbb{R}^{d\times d}$ and $A^\top$", "ℝ^(d×d) and Aᵀ"),
        (r"$\frac{a+b}{c}$, $10^{-3}$, $p<0.05$", "(a+b)/c, 10⁻³, p<0.05"),
        (r"$\ell_1$-norm, $k$-means", "ℓ₁-norm, k-means"),
        (r"\(\beta\) and \[x \in X\]", "β and x ∈ X"),
        (r"$\sim$5 and 3$\times$ faster", "∼5 and 3× faster"),
        (r"G\"odel, Erd\H{o}s, R\'enyi, {\'e}, M{\"u}ller, Ha{\v c}ek", "Gödel, Erdős, Rényi, é, Müller, Haček"),
        (r"Stra{\ss}e \O{}rsted \L{}ukasz na\"{\i}ve", "Straße Ørsted Łukasz naïve"),
        (r"\textbf{Bold \emph{it}} {\em so} \url{http://x.example/~z}", "Bold it so http://x.example/~z"),
        (r"``quoted'' 1--3 and so---on", "“quoted” 1–3 and so—on"),
        (r"5\% of R\&D in a\_b, see Fig.~3", "5% of R&D in a_b, see Fig. 3"),
        ("a \n b\t\tc\u00a0d", "a b c d"),
        ("cafe\u0301", "café"),
        ("soft\u00adware zero\u200bwidth", "software zerowidth"),
        ("a\x00b\ud800c\u202ed\u2066e\ufeff", "abcde"),
    ],
)
def test_tex_and_odd_characters_become_plain_text(source: str, expected: str) -> None:
    assert readable(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"Jos\'e N\'u\~nez", "José Núñez"),
        (r"Jos{\'e} N{\'u}{\~{n}}ez", "José Núñez"),
        (r"{\L}ukasz \.Inan\c{c} Mart{\'\i}n", "Łukasz İnanç Martín"),
        (r"Nguy\~{\^e}n Th\d{\^e} Nguy{\~{\^e}}n", "Nguyễn Thệ Nguyễn"),
        ("{van Gogh}, Vincent", "van Gogh, Vincent"),
        ("{{DeepMind} Team}", "DeepMind Team"),
        ("J.~Doe", "J. Doe"),
        ("Conan O'Brien", "Conan O'Brien"),
        ("{}", ""),
    ],
)
def test_names_are_shown_without_tex(source: str, expected: str) -> None:
    assert readable_name(source) == expected


@pytest.mark.parametrize(
    "text",
    [
        "5% better",
        "from $5 to $10",
        "between $5 and $10 million",
        "$5-$10, or $5, $6.",
        "a lone $ sign, US$5",
        "snake_case and x^2 and a_b",
        r"C:\new\foo",
        r"$\unknownmacro{x}$",
        r"$\begin{matrix}a&b\end{matrix}$",
        "unbalanced $x",
        "`--help`",
        "see http://example.org/~user/a_b",
        "1 < 2 & 3 > 2",
        "~5%",
    ],
)
def test_what_is_not_tex_or_not_understood_stays(text: str) -> None:
    assert readable(text) == text


def test_a_price_does_not_swallow_the_formula_after_it() -> None:
    assert readable("it costs $3 per $k$ tokens") == "it costs $3 per k tokens"
    assert readable("100% of $x$ and 5% of $y$") == "100% of x and 5% of y"


tex_like = st.text(
    alphabet=st.sampled_from(list("\\${}^_~`'\"-% abcxyzOo159αé\u0301\u202e\x00\ud800()[]")), max_size=60
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(tex_like, st.text(max_size=80)))
def test_any_input_gives_one_printable_line(text: str) -> None:
    result = readable(text)
    assert result == " ".join(result.split())
    assert unicodedata.is_normalized("NFC", result)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in result)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="\\$`~-'", exclude_categories=["Cs"]), max_size=80))
def test_text_without_tex_is_read_once_and_for_all(text: str) -> None:
    assert readable(readable(text)) == readable(text)


@pytest.mark.parametrize("bomb", ["{" * 5000, "$" * 5000, "\\" * 5001, "$" + "{" * 300 + "}" * 300 + "$", "``" * 3000])
def test_hostile_text_takes_no_time(bomb: str) -> None:
    assert isinstance(readable(bomb), str)
