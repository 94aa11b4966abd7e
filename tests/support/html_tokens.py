"""HTML as a list of tokens, so that what two compilers make of one template can be compared."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_CONDITION = re.compile(r"\[if ([^\]]*)\]>(.*)<!\[endif\]", re.DOTALL)
_SHORT_COLOUR = re.compile(r"#([0-9a-f])([0-9a-f])([0-9a-f])\b", re.IGNORECASE)
_BETWEEN = re.compile(r"\s+")


def tokens(html: str) -> list[str]:
    """Return the tags, texts and conditions for Outlook, without what means the same to every mail program: white
    space, the order of attributes, classes and declarations, short colours, two conditions side by side, empty
    attributes.
    """
    found: list[str] = []
    for token in _Tokens(html).found:
        if found and token.startswith("[if") and found[-1] == f"/{token}":
            found.pop()
        else:
            found.append(token)
    return found


class _Tokens(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._in_style = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        values = sorted(f"{name}={_value(name, value or '')}" for name, value in attrs if value)
        self.found.append(" ".join([f"<{tag}", *values]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False
        self.found.append(f"</{tag}")

    def handle_data(self, data: str) -> None:
        text = _BETWEEN.sub("" if self._in_style else " ", data).strip()
        if text and self.found and not self.found[-1].startswith(("<", "/", "[")):
            self.found[-1] += f" {text}"
        elif text:
            self.found.append(text)

    def handle_comment(self, data: str) -> None:
        condition = _CONDITION.fullmatch(data.strip())
        if condition:
            self.found += [f"[if {condition[1]}", *tokens(condition[2]), f"/[if {condition[1]}"]


def _value(name: str, value: str) -> str:
    value = _BETWEEN.sub(" ", _SHORT_COLOUR.sub(r"#\1\1\2\2\3\3", value)).strip()
    if name == "class":
        return " ".join(sorted(value.split()))
    if name == "style":
        return ";".join(sorted(_BETWEEN.sub("", each) for each in value.split(";") if each.strip()))
    return value
