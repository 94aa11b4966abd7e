"""Keeps the catalogues current: ``python -m newsletter.languages.extraction`` (``make languages``), in a checkout.

Finds every text that readers see, puts those that are new into each catalogue, takes out those that are gone, and says
what is left to translate. Nothing is guessed: what has changed is untranslated.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from newsletter.languages.catalogues import FOLDER, SOURCE, known_codes

if TYPE_CHECKING:
    from babel.messages.catalog import Message

ROOT: Final = FOLDER.parent.parent
JINJA: Final = "jinja2.ext:babel_extract"
METHODS: Final = {"**.py": "python", "**.html": JINJA, "**.mjml": JINJA, "**.txt": JINJA}
FOLDERS: Final = ("newsletter", "templates")
UNTOLD: Final = (
    "newsletter/cli/",
    "newsletter/web/admin/",
    "newsletter/web/templates/admin/",
    "newsletter/web/templates/api.html",
    "newsletter/web/templates/workshop.html",
    "templates/alert.",
    "templates/report.",
)  # what operators and programmers read
KEYWORDS: Final = {**DEFAULT_KEYWORDS, "gettext_noop": None}
OPTIONS: Final[dict[str, Any]] = {
    "silent": "false",
    "trimmed": "true",
    "newstyle_gettext": "true",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "extensions": "newsletter.mail.once.Once",
}


def path_of(code: str) -> Path:
    """Return where the catalogue of a language is."""
    return FOLDER / code / "LC_MESSAGES" / "messages.po"


def extracted(root: Path = ROOT) -> Catalog:
    """Return every message of a checkout, with the files in which it stands."""
    catalog = Catalog(charset="utf-8")
    for folder in FOLDERS:
        found = extract_from_dir(
            root / folder,
            method_map=list(METHODS.items()),
            options_map=dict.fromkeys((each for each, method in METHODS.items() if method == JINJA), OPTIONS),
            keywords=KEYWORDS,
            comment_tags=("Translators:",),
            strip_comment_tags=True,
        )
        for name, line, message, comments, context in found:
            place = f"{folder}/{Path(name).as_posix()}"
            if not place.startswith(UNTOLD):
                catalog.add(message, None, [(place, line)], auto_comments=comments, context=context)
    return catalog


def catalogue(code: str) -> Catalog:
    """Return a language's catalogue as it stands in its file."""
    with path_of(code).open("rb") as file:
        return read_po(file, locale=code)


def written(catalog: Catalog, plural_forms: str) -> bytes:
    """Return a catalogue as its file holds it: sorted, without dates and line numbers, so that it changes only where
    texts do.
    """
    body = BytesIO()
    write_po(body, catalog, width=120, omit_header=True, sort_output=True, ignore_obsolete=True, include_lineno=False)
    fields = (
        f"Language: {catalog.locale_identifier}",
        f"Plural-Forms: {plural_forms}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    )
    lines = "".join(f'"{field}\\n"\n' for field in fields)
    return f'# The words in use: docs/languages.md\nmsgid ""\nmsgstr ""\n{lines}\n'.encode() + body.getvalue()


def updated(current: Catalog, template: Catalog) -> Catalog:
    """Return what ``template`` holds with the translations that ``current`` has of it."""
    result = Catalog(locale=current.locale, charset="utf-8", fuzzy=False)
    for message in template:
        if message.id:
            known = current.get(message.id, context=message.context)
            result.add(
                message.id,
                known.string if known is not None else None,
                [(name, 0) for name in sorted({name for name, _ in message.locations})],
                auto_comments=message.auto_comments,
                context=message.context,
            )
    return result


def is_translated(message: Message) -> bool:
    """Whether a message has a text in each of its forms."""
    texts = message.string if isinstance(message.string, list | tuple) else (message.string,)
    return bool(message.string) and all(texts)


def main() -> int:
    """Bring every catalogue up to date, and name what it lacks."""
    template, missing = extracted(), 0
    for code in known_codes():
        if code == SOURCE:
            continue
        current = catalogue(code)
        catalog = updated(current, template)
        path_of(code).write_bytes(written(catalog, current.plural_forms.rstrip(";")))
        lacking = [message for message in catalog if message.id and not is_translated(message)]
        missing += len(lacking)
        sys.stdout.write(f"{path_of(code).relative_to(ROOT)}: {len(catalog)} messages, {len(lacking)} to translate\n")
        sys.stdout.writelines(f"  {message.id!r}\n" for message in lacking)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
