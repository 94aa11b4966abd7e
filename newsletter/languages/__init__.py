"""The languages of pages and mails: texts from catalogues, and dates, numbers, lists and plurals as each writes them.

The only importer of Babel. ``docs/languages.md`` says how texts are written, and how a language is added.
"""

from __future__ import annotations

from newsletter.languages.catalogues import ENGLISH, known_codes, language_of
from newsletter.languages.choosing import chosen_code
from newsletter.languages.language import Language

__all__ = ["ENGLISH", "Language", "chosen_code", "known_codes", "language_of"]
