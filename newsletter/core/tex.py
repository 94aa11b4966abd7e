r"""TeX formulas as Unicode: ``\mathcal{O}(n \log n)`` to ``O(n log n)``, ``x_{ij}^2`` to ``xᵢⱼ²``.

Symbols come from pylatexenc's table; the small parser here stands in for its large one, which takes a thousand times
longer, reads ``%`` as a comment and leaves sub- and superscripts as source. Whatever is not understood for certain is
refused (``None``), so that the caller keeps the source.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

from pylatexenc.latex2text import get_default_latex_context_db


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\s+|.", re.DOTALL)
_MAXIMUM_DEPTH = 12

_SUPERSCRIPTS = dict(zip("0123456789+-−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾", strict=True)) | dict(
    zip("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True)
)
_SUPERSCRIPTS |= {
    "T": "ᵀ",
    "⊤": "ᵀ",
    "′": "′",
    "*": "*",
    "∗": "*",
    "∘": "°",
    "†": "†",
    "‡": "‡",
    ",": ",",
    "α": "ᵅ",
    "β": "ᵝ",
}
_SUBSCRIPTS = dict(zip("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", strict=True)) | dict(
    zip("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
)
_SUBSCRIPTS |= {"β": "ᵦ", "γ": "ᵧ", "ρ": "ᵨ", "φ": "ᵩ", "χ": "ᵪ", "ϕ": "ᵩ"}

_RAISED_OR_LOWERED = frozenset(_SUPERSCRIPTS.values()) | frozenset(_SUBSCRIPTS.values())
_RELATIONS = frozenset("≤≥≠≈∼≃≅≡∝∈∉∋⊂⊆⊃⊇→←↔⇒⇐⇔↦↠∪∩∧∨×≪≫≺≻⪯⪰⊕⊗⊙∘±∣∥⊥∖⟶⟹↑↓≜≔÷")
_SPACING = frozenset({"\\,", "\\;", "\\:", "\\ ", "\\>", "\\quad", "\\qquad", "~", "\\enspace", "\\thinspace"})
_NOTHING = _words(
    "\\! \\left \\right \\middle \\big \\Big \\bigg \\Bigg \\bigl \\bigr \\Bigl \\Bigr \\biggl \\biggr \\displaystyle "
    "\\textstyle \\scriptstyle \\limits \\nolimits \\rm \\bf \\it \\cal \\sf \\tt \\em \\boldmath \\/ \\-"
)
_PLAIN = _words(
    "mathcal mathscr mathfrak mathbf mathrm mathsf mathtt mathit mathnormal boldsymbol bm pmb bf rm text textbf textit "
    "textrm texttt textsf textsc textnormal emph mbox hbox operatorname operatorname* mathop mathbin mathrel mathord "
    "ensuremath underline overline widehat widetilde overrightarrow vec underbrace overbrace boxed smash"
)
_FUNCTIONS = _words(
    "arccos arcsin arctan arg argmax argmin cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup "
    "ln log max min mod Pr sec sin sinh softmax sup tan tanh"
)
_COMBINING = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "dot": "\u0307", "ddot": "\u0308", "check": "\u030c"}
_COMBINING |= {"acute": "\u0301", "grave": "\u0300", "breve": "\u0306", "mathring": "\u030a"}
_OWN_SYMBOLS = {
    "ldots": "…", "dots": "…", "cdots": "⋯", "epsilon": "ε", "phi": "φ", "varphi": "φ", "prime": "′", "cdot": "·",
    "colon": ":", "lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "lvert": "|", "rvert": "|", "vert": "|",
    "mid": "∣", "S": "§", "P": "¶", "LaTeX": "LaTeX", "TeX": "TeX", "BibTeX": "BibTeX", "lbrace": "{", "rbrace": "}",
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textunderscore": "_", "degree": "°",
    "textdegree": "°", "textendash": "–", "textemdash": "—", "slash": "/", "eqqcolon": "≕", "coloneqq": "≔",
    "top": "⊤", "intercal": "ᵀ", "ast": "*", "star": "⋆", "setminus": "∖", "le": "≤", "ge": "≥", "ne": "≠", "gets": "←",
    "iff": "⇔", "implies": "⇒", "land": "∧", "lor": "∨", "lnot": "¬", "bmod": " mod ", "langle": "⟨", "rangle": "⟩",
    "gtrsim": "≳", "lesssim": "≲", "square": "□", "checkmark": "✓", "ding": "", "textmu": "µ", "micro": "µ",
    "textquotesingle": "'", "textless": "<", "textgreater": ">", "textbar": "|", "hbar": "ℏ", "deg": "°", "AA": "Å",
}  # fmt: skip
_DOUBLE_STRUCK = {"C": "ℂ", "H": "ℍ", "N": "ℕ", "P": "ℙ", "Q": "ℚ", "R": "ℝ", "Z": "ℤ", "1": "𝟙"}


@cache
def _context() -> Any:
    return get_default_latex_context_db()


@lru_cache(maxsize=1024)
def symbol(name: str) -> str | None:
    r"""Return what the macro ``\name`` prints (``alpha`` gives α), or None when it is unknown or takes arguments."""
    own = _OWN_SYMBOLS.get(name)
    if own is not None:
        return own
    specification = _context().get_macro_spec(name)
    text = getattr(specification, "simplify_repl", None)
    if not isinstance(text, str) or not text or any(mark in text for mark in "%<\n"):
        return None
    return unicodedata.normalize("NFC", text)


@lru_cache(maxsize=4096)
def formula(source: str) -> str | None:
    """Return a formula (what stands between the dollars) as text, or None where the source reads better."""
    if source.count("{") != source.count("}"):
        return None
    try:
        text = _Formula(source).read()
    except _NotUnderstood:
        return None
    return _tidy(text)


class _NotUnderstood(Exception):  # noqa: N818 (a signal within this module, not an error)
    """The formula holds something that plain text cannot say."""


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"(?<=[(\[⟨{|]) | (?=[)\],;⟩}])", "", text)
    return unicodedata.normalize("NFC", text)


def _script(content: str, table: dict[str, str], mark: str) -> str:
    if content and all(character in table for character in content):
        return "".join(table[character] for character in content)
    return f"{mark}{content}" if len(content) == 1 else f"{mark}({content})"


def _grouped(content: str) -> str:
    return f"({content})" if re.search(r"[\s+\-−/=]", content) else content


def _double_struck(content: str) -> str:
    def letter(character: str) -> str:
        if character in _DOUBLE_STRUCK:
            return _DOUBLE_STRUCK[character]
        return chr(0x1D538 + ord(character) - ord("A")) if "A" <= character <= "Z" else character

    return "".join(letter(character) for character in content)


def _would_run_together(left: str, right: str) -> bool:
    r"""Whether a word (``log``) would stick to its neighbour where TeX sets it apart: ``n\log n``."""
    if not (left[-1:].isalnum() and right[:1].isalnum()) or right[0] in _RAISED_OR_LOWERED:
        return False
    return any(len(part) > 1 and part.isascii() and part.isalpha() for part in (left, right))


class _Formula:
    """One pass over a formula's tokens; every method returns text and leaves the position behind what it read."""

    def __init__(self, source: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(source)
        self._position = 0
        self._depth = 0

    def read(self) -> str:
        text = self._sequence()
        if self._position < len(self._tokens):
            raise _NotUnderstood  # a closing brace too many
        return text

    def _sequence(self) -> str:
        parts: list[str] = []
        while self._position < len(self._tokens) and self._tokens[self._position] != "}":
            part = self._item()
            if parts and _would_run_together(parts[-1], part):
                parts.append(" ")
            parts.append(part)
        return "".join(parts)

    def _next(self) -> str:
        if self._position >= len(self._tokens):
            raise _NotUnderstood
        self._position += 1
        return self._tokens[self._position - 1]

    def _item(self) -> str:
        piece = self._next()
        if piece == "{":
            return self._rest_of_group()
        if piece in "^_":
            return self._scripted(piece)
        if piece in "$&#":
            raise _NotUnderstood
        if piece in _SPACING or piece.isspace():
            return " "
        if piece[0] == "\\" and len(piece) > 1:
            return self._macro(piece[1:])
        return "′" if piece == "'" else piece

    def _rest_of_group(self) -> str:
        self._depth += 1
        if self._depth > _MAXIMUM_DEPTH:
            raise _NotUnderstood
        text = self._sequence()
        if self._next() != "}":
            raise _NotUnderstood
        self._depth -= 1
        return text

    def _scripted(self, mark: str) -> str:
        content = self._argument().strip()
        return _script(content.replace(" ", ""), _SUPERSCRIPTS if mark == "^" else _SUBSCRIPTS, mark)

    def _argument(self) -> str:
        while self._position < len(self._tokens) and self._tokens[self._position].isspace():
            self._position += 1
        self._depth += 1
        if self._depth > _MAXIMUM_DEPTH or self._position >= len(self._tokens) or self._tokens[self._position] == "}":
            raise _NotUnderstood
        text = self._item()
        self._depth -= 1
        return text

    def _macro(self, name: str) -> str:
        if "\\" + name in _NOTHING:
            return self._nothing(name)
        if name in _FUNCTIONS or name in "{}%$&#_":
            return name
        if name in _PLAIN:
            return self._argument()
        if name in ("mathbb", "Bbb", "mathds"):
            return _double_struck(self._argument())
        if name in _COMBINING:
            return self._accented(_COMBINING[name])
        return self._structure(name)

    def _nothing(self, name: str) -> str:
        if name in ("left", "right") and self._tokens[self._position : self._position + 1] == ["."]:
            self._position += 1
        return ""

    def _accented(self, mark: str) -> str:
        content = self._argument()
        return content + mark if len(content) == 1 else content

    def _structure(self, name: str) -> str:
        if name in ("frac", "tfrac", "dfrac", "nicefrac", "sfrac"):
            return f"{_grouped(self._argument())}/{_grouped(self._argument())}"
        if name == "sqrt":
            content = self._argument()
            return f"√{content}" if len(content) == 1 else f"√({content})"
        if name == "binom":
            return f"({self._argument()} choose {self._argument()})"
        text = symbol(name)
        if text is None:
            raise _NotUnderstood
        return f" {text} " if text in _RELATIONS else text
