"""Digests to mail: :class:`Renderer` fills the templates, once per digest however many people get it."""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final

import structlog

from newsletter.core.printable import one_line
from newsletter.core.subject import headline, preheader, subject
from newsletter.errors import TemplateError
from newsletter.languages import ENGLISH, Language, known_codes, language_of
from newsletter.mail.brand import Brand, colour_problems
from newsletter.mail.counting import counted
from newsletter.mail.fill import Compiled, Compiler, fill_html, fill_text
from newsletter.mail.fitting import Fitting, Trial
from newsletter.mail.flatten import of_language
from newsletter.mail.message import Part, Recipient
from newsletter.mail.names import PER_RECIPIENT, VARIABLES
from newsletter.mail.operator import OPERATORS
from newsletter.mail.overrides import override_problems, without_doubles
from newsletter.mail.placeholders import Placeholders
from newsletter.mail.prepared import CONFIRMING, PreparedDigest
from newsletter.mail.rooms import ROOMS, html_budget
from newsletter.mail.sample import sample_digest
from newsletter.mail.templates import TemplateFiles, shipped_templates
from newsletter.mail.view import count_views, note_sentences, section_views
from newsletter.mail.words import schedule, subscription
from newsletter.model import IssueKind, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from jinja2 import nodes

    from newsletter.core.links import Links
    from newsletter.mail.templates import Source
    from newsletter.mail.view import Room, SectionView
    from newsletter.model import Digest, Paper, Subscriber

_LINK_BEYOND_BASE = 60  # characters of a signed link after the base address (newsletter.core.links)
_VOTE_BEYOND_BASE = 43  # of the one for votes, which a mail holds many times
_WORDS_LENGTH = 60  # of a schedule or subscription in words
LOOK_AGAIN_S: Final = 1.0
"""After how long the files of templates are looked at again: many digests are made in the meantime."""
_MOST_TERMS = 4096  # different schedules and subscriptions that are remembered in words
logger = structlog.get_logger(__name__)
# Templates that their kind of mail calls for: no reader chooses them.
_BY_KIND = frozenset(kind.value for kind in IssueKind if kind is not IssueKind.DIGEST)
_LOOKS = ("brand", "theme", "light", "dark", "name")


class Renderer:
    """Fills templates with digests: implements :class:`newsletter.ports.Renderer`.

    ``directories`` are the admin's template folders, most important first; what they lack comes from
    :func:`newsletter.mail.templates.shipped_templates`. ``links`` makes the addresses that are one recipient's alone,
    ``None`` where there is no web side to answer them. ``profile_titles`` names the profiles as people read them,
    ``topic_urls`` their pages where they have one. With ``counts_clicks`` the links to papers lead over our pages.

    A template is compiled when it is first needed, and again when one of its files has changed, for which they are
    looked at after every ``look_again_s``. Should the changed one be broken, the last good one stays in force, and the
    log says so once (``template.broken``).
    """

    _needed: ClassVar[tuple[str, ...]] = tuple(kind.value for kind in IssueKind)

    def __init__(  # noqa: PLR0913 (each is a part)
        self,
        directories: Sequence[Path],
        brand: Brand,
        links: Links | None = None,
        profile_titles: Mapping[str, str] | None = None,
        topic_urls: Mapping[str, str] | None = None,
        *,
        counts_clicks: bool = False,
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        shipped = shipped_templates()
        self.brand = brand
        self._files = TemplateFiles((*(folder for folder in directories if folder != shipped), shipped))
        self._links = links
        self._topic_urls = dict(topic_urls or {})
        self._counts_clicks = counts_clicks
        self._titles = dict(profile_titles or {})
        link = len(brand.web_url) + _LINK_BEYOND_BASE
        sizes = {name: link if name.endswith("_url") else _WORDS_LENGTH for name in PER_RECIPIENT}
        sizes["vote_url"] = len(brand.web_url) + _VOTE_BEYOND_BASE
        self._placeholders = Placeholders(sizes)
        self._fitting = Fitting(self._placeholders.size, len(brand.web_url))
        self._compiler = Compiler(self._files, brand, VARIABLES)
        self._compiled: dict[tuple[str, str], Compiled] = {}
        self._look_again_s = look_again_s
        self._looked_at: dict[tuple[str, ...], float] = {}
        self._has_own: dict[str, bool] = {}
        self._refused: dict[tuple[str, str], frozenset[tuple[str, int, int]]] = {}
        self._known_terms: dict[tuple[object, ...], tuple[str, str]] = {}

    def take_over(self, former: Renderer) -> None:
        """Keep what the renderer before this one had compiled, where both look in the same places: should a template be
        broken just when the configuration changes, the last good one stays in force.
        """
        if self._files.directories == former._files.directories and self.brand == former.brand:
            self._compiled |= former._compiled

    def prepare(self, digest: Digest, papers: Mapping[int, Paper]) -> PreparedDigest:
        """Render a digest; TemplateError when a template cannot be filled. ``papers`` holds every id in it."""
        name, language = self._template_of(digest)
        return self._prepare(self._current(name, language), digest, papers, language)

    def check(self) -> list[Problem]:
        """Return everything wrong with the templates and colours: each one compiled anew and filled with a sample."""
        problems = list(colour_problems(self.brand))
        for name in sorted({*self._files.names(".mjml"), *self._needed} - OPERATORS):
            problems.extend(self._check(name))
        return list(dict.fromkeys(problems))  # what stands in a shared part is wrong once

    def check_strictly(self) -> list[Problem]:
        """Return what :meth:`check` does, and what no sample meets: names on every branch, what MJML loses, misused
        values of recipients, and files of the operator's that no mail is made of.
        """
        problems, names = self.check(), {*self._needed, *OPERATORS}
        known: dict[str, nodes.Template] = {}
        for name in sorted({*self._files.names(".mjml"), *names}):
            problems += self.strict_problems(name, known)
        return without_doubles([*problems, *override_problems(self._files, names)])

    def problems_of(self, digest: Digest) -> list[Problem]:
        """Return what is wrong with the template of a digest, as strictly."""
        name, _ = self._template_of(digest)
        return without_doubles([*self._check(name), *self.strict_problems(name)])

    def strict_problems(self, name: str, known: dict[str, nodes.Template] | None = None) -> list[Problem]:
        """Return what no sample meets of what is wrong with one template; ``known`` is kept from one to the next."""
        kind, language = self._kind_of(name)
        values = self._sample_values(kind, name.partition(".")[0], language)
        own = () if name in OPERATORS else PER_RECIPIENT
        return list(self._compiler.strict_problems(name, language, values, own, {} if known is None else known))

    def template_names(self) -> list[str]:
        """Return the names that a digest may ask for as its template."""
        return [name for name in self._files.names(".mjml") if name not in _BY_KIND | OPERATORS and "." not in name]

    def recipient(self, subscriber: Subscriber, language: Language = ENGLISH) -> Recipient:
        """Return what is this subscriber's alone in a mail in ``language``."""
        url, manage, vote = self._links.of_mail(subscriber.id) if self._links else ("", "", "")
        schedule_words, subscription_words = self._terms(subscriber, language)
        values = {
            "unsubscribe_url": url or one_line(self._unsubscribe_by_mail()),
            "vote_url": vote,
            "schedule": schedule_words,
            "address": one_line(subscriber.address.text),
            "subscription": subscription_words,
            "manage_url": manage,
            "confirm_url": "",
        }
        return Recipient(subscriber.address.wire, url, values)

    def confirm_url(self, kind: IssueKind, reference: int, now: datetime) -> str:
        """Return where a mail of this kind asks its recipient to go; it expires. Empty where there is no web side."""
        if self._links is None:
            return ""
        is_signup = kind is IssueKind.CONFIRMATION
        make = self._links.confirm_url if is_signup else self._links.address_change_url
        return make(reference, now)

    def _prepare(
        self, compiled: Compiled, digest: Digest, papers: Mapping[int, Paper], language: Language
    ) -> PreparedDigest:
        """Return the digest in both forms; TemplateError with what is wrong with either."""
        variables = self._variables(digest, papers, language)
        parts: list[Part] = []
        problems: list[Problem] = []
        for fill in (self._html_part, self._text_part):
            try:
                parts.append(fill(compiled, digest, papers, variables, language))
            except TemplateError as error:
                problems += error.problems
        if problems:
            raise TemplateError(problems=problems)
        html, text = parts
        return PreparedDigest(digest, variables["subject"], text, html, self, language)

    def _html_part(
        self,
        compiled: Compiled,
        digest: Digest,
        papers: Mapping[int, Paper],
        variables: dict[str, Any],
        language: Language,
    ) -> Part:
        """Return the HTML, and leave in ``variables`` how much of the papers it had room for."""
        count = len(digest.paper_ids)

        def fill(number: int) -> Trial:
            sections = self._sections(digest, papers, ROOMS[number], language)
            variables.update(_in_room(sections, number))  # the text is tried as well when this fails
            chunks = fill_html(compiled, variables)
            with self._checked(compiled.html_source):
                html = self._placeholders.cut(chunks)
            return Trial(number, sections, html, html.size - html_budget(count))

        trial = self._fitting.fit(compiled, count, fill)
        variables |= _in_room(trial.sections, trial.number)
        return Part(trial.html.pieces, is_html=True)

    def _sections(
        self, digest: Digest, papers: Mapping[int, Paper], room: Room, language: Language
    ) -> tuple[SectionView, ...]:
        sections = section_views(digest, papers, room, language, self._topic_urls)
        links = self._links
        if not self._counts_clicks or links is None:
            return sections
        return counted(sections, lambda paper_id, mark: links.go_url(paper_id, digest.issue_date, mark))

    def _text_part(
        self,
        compiled: Compiled,
        digest: Digest,
        papers: Mapping[int, Paper],
        variables: dict[str, Any],
        language: Language,
    ) -> Part:
        del digest, papers, language  # the sections are those of the HTML
        text = fill_text(compiled, variables)
        with self._checked(compiled.text_source):
            return Part(self._placeholders.pieces(text), is_html=False)

    @contextmanager
    def _checked(self, source: Source) -> Iterator[None]:
        """Raise TemplateError where a recipient's own value was changed in a template."""
        try:
            yield
        except ValueError as error:
            path = self._files.find(source.name) or source.name
            advice = f"print {', '.join(PER_RECIPIENT)} as they are"
            raise TemplateError(problems=[Problem(str(path), 0, 0, str(error), advice)]) from error

    def _variables(self, digest: Digest, papers: Mapping[int, Paper], language: Language) -> dict[str, Any]:
        words = headline(digest, papers, self.brand.name, language)
        places = [paper for section in digest.sections for paper in section.papers]
        voted = {place.paper_id for place in places for reason in place.reasons if reason.kind == "votes"}
        missing = {} if self._links or self.brand.unsubscribe_address else {"unsubscribe_url": ""}
        if self._links is None:
            missing["vote_url"] = ""
        return {
            "kind": digest.kind.value,
            "name": one_line(self.brand.name),
            "brand": self.brand,
            "theme": self.brand.theme,
            "light": self.brand.light,
            "dark": self.brand.dark,
            **of_language(language),
            "date": language.long_date(digest.issue_date),
            "issue_date": digest.issue_date,
            "headline": words,
            "subject": subject(digest, papers, self.brand.name, language, words),
            "preheader": preheader(digest, papers, language),
            "chosen": len(digest.paper_ids),
            "considered": digest.considered,
            "trending": len(voted),
            "notes": note_sentences(digest, language),
            "counts": count_views(digest, language),
            "confirm_days": self._links.confirm_within.days if self._links else 0,
        } | (self._placeholders.values() | missing)

    def _terms(self, subscriber: Subscriber, language: Language) -> tuple[str, str]:
        """Return when mail comes and what is taken, which many subscribers have in common."""
        key = (
            *(subscriber.zone, subscriber.send_at_local, subscriber.frequency, subscriber.weekday),
            *(subscriber.profiles, bool(subscriber.keywords), language.code),
        )
        known = self._known_terms.get(key)
        if known is None:
            if len(self._known_terms) >= _MOST_TERMS:
                self._known_terms.clear()
            known = (schedule(subscriber, language), subscription(subscriber, self._titles, language))
            self._known_terms[key] = known
        return known

    def _unsubscribe_by_mail(self) -> str:
        address = self.brand.unsubscribe_address
        return f"mailto:{address}?subject=unsubscribe" if address else ""

    def _template_of(self, digest: Digest) -> tuple[str, Language]:
        """Return the name of the template for a digest, and the language to fill it in: the reader's where a template
        of its own or a catalogue is there for it, else English.
        """
        name = digest.template if digest.kind is IssueKind.DIGEST else digest.kind.value
        code = digest.language
        if code != ENGLISH.code and self._has(own := f"{name}.{code}"):
            return own, language_of(code)
        return name, language_of(code) if code.partition("-")[0] in known_codes() else ENGLISH

    def _has(self, name: str) -> bool:
        if self._is_time_to_look(name):
            self._has_own[name] = self._files.find(f"{name}.mjml") is not None
        return self._has_own[name]

    def _is_time_to_look(self, *what: str) -> bool:
        now_s = monotonic()
        if now_s - self._looked_at.get(what, -inf) < self._look_again_s:
            return False
        self._looked_at[what] = now_s
        return True

    def _current(self, name: str, language: Language) -> Compiled:
        """Return a template as its files are now, or the last good one when they are broken."""
        key = name, language.code
        known, is_time = self._compiled.get(key), self._is_time_to_look(*key)
        if known and (not is_time or self._files.are_current(known.stamps)):
            return known
        files = self._files.fingerprint() if known else None
        if known and self._refused.get(key) == files:
            return known
        try:
            self._compiled[key] = self._compiler.compile(name, language)
        except TemplateError as error:
            if known is None or files is None:
                raise
            self._refused[key] = files  # not tried again until something changes
            logger.warning("template.broken", template=name, problem=str(error), in_force="the last good one")
            return known
        self._refused.pop(key, None)
        return self._compiled[key]

    def _check(self, name: str) -> list[Problem]:
        kind, language = self._kind_of(name)
        digest, papers = sample_digest(kind, name.partition(".")[0])
        try:
            prepared = self._prepare(self._compiler.compile(name, language), digest, papers, language)
        except TemplateError as error:
            return list(error.problems)
        message, advice = self._lacking(kind, prepared)
        path = self._files.find(f"{name}.mjml") or name
        return [Problem(str(path), 0, 0, message, advice)] if message else []

    def _kind_of(self, name: str) -> tuple[IssueKind, Language]:
        """Return what kind of mail a template is for, and in which language."""
        base, _, code = name.partition(".")
        kind = IssueKind(base) if base in self._needed else IssueKind.DIGEST
        return kind, language_of(code) if code else ENGLISH

    def _sample_values(self, kind: IssueKind, template: str, language: Language) -> dict[str, Any]:
        """Return what an invented mail gives the variables; mails to the operator have only some of them."""
        digest, papers = sample_digest(kind, template)
        values = self._variables(digest, papers, language)
        values["sections"] = section_views(digest, papers, ROOMS[0], language, self._topic_urls)
        return {name: values[name] for name in _LOOKS} if template in OPERATORS else values

    def _lacking(self, kind: IssueKind, prepared: PreparedDigest) -> tuple[str, str]:
        """Return which link a mail must have and does not, and what to do about it; empty words when it has it."""
        if kind in CONFIRMING and self._links and not prepared.shows("confirm_url"):
            return "the mail lacks the link that it is sent for", "show {{ confirm_url }} in the .mjml and in the .txt"
        has_link = self._links or self.brand.unsubscribe_address
        if has_link and not kind.is_transactional and not prepared.shows_unsubscribe:
            advice = "show {{ unsubscribe_url }} in the .mjml and in the .txt: readers have a right to it"
            return "the mail does not say how to unsubscribe", advice
        return "", ""


def _in_room(sections: tuple[SectionView, ...], number: int) -> dict[str, Any]:
    """Return the variables that differ between rooms."""
    omitted = sum([each.omitted for each in sections])
    return {"sections": sections, "omitted": omitted, "is_brief": ROOMS[number].is_brief}
