r"""What a paper's text reads like: TeX made Unicode, characters that lie or break things taken out.

:func:`readable` is the one form of a field that is matched, highlighted and mailed, so that spans mean the same
everywhere. Formulas go to :mod:`newsletter.core.tex`; here are the marks between words: accents, quotes, dashes, fonts.
Source that cannot be said better stays as it is: a reader of ``\foo`` is better off than one of nothing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.core.printable import one_line
from newsletter.core.tex import formula, symbol

if TYPE_CHECKING:
    from collections.abc import Iterator

# Besides what :mod:`newsletter.core.printable` takes out: soft hyphens and widthless spaces, which would cut words.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u2060-\u2065\u206a-\u206f\U000e0000-\U000e007f]")
_TEX_MARKS = ("\\", "$", "``", "--")
_TEX_TIE = re.compile(r"\w~\w|[.,]~")
_PLAIN_ASCII = re.compile(r"[ -#%-\[\]-_a-}]*")

_FORMULA_MARK = re.compile(r"[\\$]")
_FORMULA = re.compile(
    r"(?<![\\$])\$\$(?P<display>[^$]{1,600})\$\$"
    r"|(?<![\\$])\$(?P<inline>(?:[^$\\]|\\.){1,400}?)\$(?!\$)"
    r"|\\\((?P<round>.{1,400}?)\\\)|\\\[(?P<square>.{1,600}?)\\\]"
)
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}\s+[A-Za-z]{2,}")
_MONEY = re.compile(r"\d[^\\^_{}=<>]*\s[A-Za-z]{2,}|\d.*\s$")
_SAYS_SOMETHING = re.compile(r"[^\W_]|\\[^\W_]|[<>=+*/]")
_MATH_MARKS = re.compile(r"[\\^_]")

_ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307"}
_ACCENTS |= {'"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323", "c": "\u0327", "k": "\u0328"}
_ACCENTS |= {"b": "\u0331"}
_ACCENTED = (
    r"\\(?:([`'^~=.\"])\s*|([uvHcdkbr])(?=[\s{]))\s*(?:\{\s*(\\[ij]|[^\W\d_])\s*\}|(\\[ij](?![A-Za-z])|[^\W\d_]))"
)
_ACCENT = re.compile(rf"(?<!\\[uvHcdkbr])\{{{_ACCENTED}\}}|{_ACCENTED}")
_LETTERS = re.compile(
    r"\{\\(?P<group>[A-Za-z]{1,2})\}|\\(?P<bare>o|O|l|L|ss|ae|AE|oe|OE|aa|AA|i|j|DH|dh|th|TH|dj|DJ)(?![A-Za-z])(?:\{\}|\s+(?=[a-z]))?"
)
_SPECIAL_LETTERS = {
    "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å",
    "i": "ı", "j": "ȷ", "DH": "Ð", "dh": "ð", "th": "þ", "TH": "Þ", "dj": "đ", "DJ": "Đ",
}  # fmt: skip
_GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_FONT = re.compile(
    r"\\(?:textbf|textit|textsl|emph|texttt|textsc|textrm|textsf|textup|textmd|textnormal|text|underline|uline|mbox|hbox"
    r"|enquote|mathrm|mathbf|mathit|mathsf|mathtt|mathcal|operatorname|url|path|nolinkurl|textsuperscript|textsubscript"
    r"|textcolor\{[^{}]*\}|color\{[^{}]*\}|href\{[^{}]*\})\s*" + _GROUP
)
_SWITCH = re.compile(
    r"\{\\(?:bf|it|em|sc|tt|rm|sf|sl|bfseries|itshape|ttfamily|scshape|small|large)(?![A-Za-z])\s*([^{}]*)\}"
)
_REFERENCE = re.compile(r"\\(?:cite[a-z]*|ref|eqref|autoref|cref|Cref)\*?(?:\[[^\]]*\])*\{([^{}]*)\}")
_LABEL = re.compile(r"\\(?:label|vspace|hspace|index)\*?\{[^{}]*\}")
_ESCAPED = re.compile(r"\\([%&_#${}])")
_SPACE = re.compile(r"\\(?:[,;:]|(?=\s)|quad\b|qquad\b|\\|newline\b|par\b)")
_TIE = re.compile(r"(?<=[A-Za-z]{2})~(?=[A-Za-z\\(\[])|(?<=[.,)])~(?=[\w\\(\[$])")
_NAMED = re.compile(r"\\([A-Za-z]+)(?:\{\}|\\ )?")
_QUOTED = re.compile(r"``(.{0,300}?)''")
_DASH = re.compile(r"(?<=[\w)\]])(-{2,3})(?=[\w(\[])|(?<=\s)(-{2,3})(?=\s)")


def readable(text: str) -> str:
    r"""Return ``text`` as people read it: one line, printable, in NFC, TeX as Unicode.

    ``G\"odel's ``$\mathcal{O}(n^2)$'' bound -- 5\% better`` gives ``Gödel's “O(n²)” bound – 5% better``. Money
    (``$5 and $10``), a lone dollar, percent signs, and underscores and carets outside formulas stay. Never raises.
    """
    if text.isascii() and _PLAIN_ASCII.fullmatch(text) and "--" not in text and "  " not in text:
        return text.strip()
    return _readable(text)


@lru_cache(maxsize=2048)
def _readable(text: str) -> str:
    text = one_line(_INVISIBLE.sub("", text))
    if not any(mark in text for mark in _TEX_MARKS) and not ("~" in text and _TEX_TIE.search(text)):
        return text
    # A formula may bring what is next to a combining mark, and a macro may leave two spaces.
    return one_line(_QUOTED.sub("“\\1”", "".join(_pieces(text))))


def readable_name(name: str) -> str:
    r"""Return a person's name as people read it: ``{\L}ukasz N\'u{\~n}ez`` gives ``Łukasz Núñez``, braces taken out."""
    return one_line(readable(name).replace("{", "").replace("}", "")) if "{" in name else readable(name)


def _pieces(text: str) -> Iterator[str]:
    end = position = 0
    while (mark := _FORMULA_MARK.search(text, position)) is not None:
        position = mark.start() + 1
        found = _FORMULA.match(text, mark.start())
        converted = _formula(found) if found else None
        if found is None or converted is None:
            continue  # that dollar was none of TeX's; the next one may be
        yield _prose(text[end : found.start()])
        yield converted
        end = position = found.end()
    yield _prose(text[end:])


def _formula(found: re.Match[str]) -> str | None:
    """Return what the stretch reads like, itself if it cannot be said better, None if it is no formula."""
    source = next(group for group in found.groups() if group is not None)
    if found["inline"] is not None and not _is_formula(source, found.string[found.end() : found.end() + 1]):
        return None
    text = formula(source)
    return found[0] if text is None else text


def _is_formula(source: str, following: str) -> bool:
    """Tell ``$x$`` from two prices in one sentence; what looks like TeX may have blanks at its ends."""
    if _MONEY.match(source) or _SAYS_SOMETHING.search(source) is None:
        return False
    if _MATH_MARKS.search(source):
        return True
    if following.isdigit() or (len(source.strip()) > 1 and (source[0].isspace() or source[-1].isspace())):
        return False
    return _PROSE.search(source) is None


def _prose(text: str) -> str:
    if "\\" in text:
        text = _macros(text)
    if "~" in text:
        text = _TIE.sub(" ", text)
    if "--" in text:
        text = _DASH.sub(lambda found: "–" if len(found[1] or found[2]) == 2 else "—", text)  # noqa: PLR2004 (en, em)
    return text


def _macros(text: str) -> str:
    text = _ACCENT.sub(_accented, _ACCENT.sub(_accented, text))  # twice, for \~{\^e}
    text = _LETTERS.sub(_letter, text)
    text = _LABEL.sub("", _REFERENCE.sub(r"[\1]", text))
    for _ in range(4):  # fonts within fonts
        changed = _SWITCH.sub(r"\1", _FONT.sub(r"\1", text))
        if changed == text:
            break
        text = changed
    text = _NAMED.sub(_named, text)
    return _ESCAPED.sub(r"\1", _SPACE.sub(" ", text))


def _accented(found: re.Match[str]) -> str:
    mark, letter = (group for group in found.groups() if group)
    return unicodedata.normalize("NFC", letter.lstrip("\\") + _ACCENTS[mark])


def _letter(found: re.Match[str]) -> str:
    return _SPECIAL_LETTERS.get(found["group"] or found["bare"], found[0])


def _named(found: re.Match[str]) -> str:
    text = symbol(found[1])
    return found[0] if text is None else text
