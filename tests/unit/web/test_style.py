"""The style sheet of the pages: it knows no left and right but where it says for which direction."""

from __future__ import annotations

import re

from newsletter.web.pages import STYLE

PHYSICAL = re.compile(
    r"(?:margin|padding|border)-(?:left|right)|(?<![\w-])(?:left|right|float)\s*:|text-align:\s*(?:left|right)"
)


def test_pages_can_be_mirrored() -> None:
    rules = [line for line in STYLE.decode().splitlines() if '[dir="rtl"]' not in line]
    assert [line for line in rules if PHYSICAL.search(line)] == []
