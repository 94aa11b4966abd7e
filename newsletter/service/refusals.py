"""Why something that a reader typed is refused, in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from newsletter.model import gettext_noop

if TYPE_CHECKING:
    from newsletter.languages import Language

IN_DETAIL: Final = "en"
IN_GENERAL: Final = {
    "address": gettext_noop("This is not a mail address: write it as name@domain."),
    "keywords": gettext_noop(
        "This is not a keyword: write a word or a phrase on each line. A * may stand at the end of a word, quotation "
        "marks around the whole."
    ),
    "query": gettext_noop("This is not a query: look at brackets, quotation marks, and the words AND, OR and NOT."),
    "send_at": gettext_noop("This is not a time: write it as 07:30."),
    "zone": gettext_noop("This is not a time zone: choose one of the list."),
}
OTHERWISE: Final = gettext_noop("This cannot be chosen here.")


def refused(field: str, detail: str, language: Language) -> str:
    """Return why a field is refused: in English as the core says it, to the character; in other languages what it has
    to be.
    """
    return detail if language.code == IN_DETAIL else language.gettext(IN_GENERAL.get(field, OTHERWISE))
