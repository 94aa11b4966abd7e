"""Profile files become :class:`Profile`'s and subscribers, with every problem of every file at its place."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from newsletter.model import Keyword, Problem, Profile, Topic
from newsletter.settings.arxivcategories import unknown_category_advice
from newsletter.settings.compose import compose_document
from newsletter.settings.explain import problems_of
from newsletter.settings.general import locate_in
from newsletter.settings.language import check_keywords, check_query
from newsletter.settings.profilemodels import KeywordEntry, ProfileFile, SubscriberEntry
from newsletter.settings.reading import decode, read_document, read_text, unreadable
from newsletter.settings.values import NAME, suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from newsletter.settings.document import Document
    from newsletter.settings.explain import Location

PROFILES_NAME = "profiles"
ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile with the file it came from, so that what is wrong with it among others can be placed."""

    profile: Profile
    document: Document
    subscribers: tuple[SubscriberEntry, ...]

    def problem(self, location: Location, message: str, advice: str = "", severity: str = "error") -> Problem:
        """Return a problem at a place in the file."""
        mark = self.document.place(location)
        return Problem(self.document.file, mark.line, mark.column, message, advice, severity)


def profile_paths(directory: Path) -> list[Path]:
    """Return the profile files of a configuration directory by name; OSError when it cannot be listed."""
    folder = directory / PROFILES_NAME
    if not folder.exists():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in ENDINGS and not path.name.startswith("."))


def find_profile_file(directory: Path, name: str) -> tuple[str, str] | None:
    """Return the name and the text of the file that defines a profile now; None when none does."""
    try:
        paths = profile_paths(directory)
    except OSError:
        return None
    for path in sorted(paths, key=lambda path: path.stem != name):  # most are called like their profile
        loaded, _ = read_profile(path, None)
        named = path.stem if loaded is None else loaded.profile.name
        if named == name:
            text = read_text(path, str(path))
            return None if isinstance(text, Problem) else (path.name, text)
    return None


def read_profiles(directory: Path, sources: Collection[str] | None) -> tuple[list[LoadedProfile], list[Problem]]:
    """Return the profiles of all good files, and the problems of all files; ``sources`` None: not known."""
    try:
        paths = profile_paths(directory)
    except OSError as error:
        return [], [unreadable(str(directory / PROFILES_NAME), error)]
    loaded: list[LoadedProfile] = []
    problems: list[Problem] = []
    for path in paths:
        profile, found = read_profile(path, sources)
        problems += found
        if profile:
            loaded.append(profile)
    if not paths:
        folder = str(directory / PROFILES_NAME)
        problems.append(Problem(folder, 0, 0, "there are no profiles", "add a file NAME.yaml there", "warning"))
    return loaded, problems + _same_names(loaded)


def read_profile(path: Path, sources: Collection[str] | None) -> tuple[LoadedProfile | None, list[Problem]]:
    """Return one file's profile, None when it has none, and what is wrong or unwise in it."""
    document, problems = read_document(path, str(path))
    return (None, problems) if document is None else _understood(document, path.stem, sources, problems)


def read_draft(
    text: str, stem: str, others: Collection[str], sources: Collection[str]
) -> tuple[LoadedProfile | None, list[Problem]]:
    """Return the profile that a text would be as the file ``stem``.yaml beside the profiles ``others``, None when it is
    none, and what is wrong or unwise in it. Nothing is written.
    """
    file = f"{PROFILES_NAME}/{stem}{ENDINGS[0]}"
    allowed = decode(text.encode("utf-8", "replace"), file)
    if isinstance(allowed, Problem):
        return None, [allowed]
    document, problems = compose_document(file, allowed)
    loaded, problems = (None, problems) if document is None else _understood(document, stem, sources, problems)
    taken = {name.casefold() for name in others}
    if loaded is not None and loaded.profile.name.casefold() in taken:
        message = f"the profile name “{loaded.profile.name}” is taken"
        problems.append(loaded.problem(("name",), message, "give it another name:"))
    return loaded, problems


def _understood(
    document: Document, stem: str, sources: Collection[str] | None, problems: list[Problem]
) -> tuple[LoadedProfile | None, list[Problem]]:
    try:
        content = ProfileFile.model_validate(document.plain())
    except ValidationError as error:
        problems += problems_of(error, ProfileFile, locate_in(document))
        return None, problems + _problems_beside(error, stem, document, sources)
    name = content.name or stem
    loaded = LoadedProfile(to_profile(content, name), document, content.subscribers)
    if not NAME.fullmatch(name):
        message = f"the file's name “{name}” cannot be the profile's name"
        problems.append(loaded.problem((), message, "add name: with letters (a to z), digits, hyphens and underscores"))
    return loaded, [*problems, *_language_problems(content, document), *_profile_problems(loaded, content, sources)]


def _problems_beside(
    error: ValidationError, stem: str, document: Document, sources: Collection[str] | None
) -> list[Problem]:
    """Return what is wrong in the keywords, queries and sources under the keys that ``error`` does not complain of."""
    faulty = {each["loc"][0] for each in error.errors() if each["loc"]}
    try:
        content = ProfileFile.model_validate({k: v for k, v in document.plain().items() if k not in faulty})
    except ValidationError:
        return []
    loaded = LoadedProfile(to_profile(content, stem), document, ())
    unknown = [] if sources is None else _unknown_sources(loaded, content.sources, sources)
    return _language_problems(content, document) + unknown


def to_profile(content: ProfileFile, name: str) -> Profile:
    """Return what a file says as the profile that it means."""
    title = content.title or (name[:1].upper() + name[1:]).replace("-", " ").replace("_", " ")
    topics = [Topic(topic.name, _keywords(topic.keywords), _query(topic.query)) for topic in content.topics]
    if content.keywords or content.query:
        topics.insert(0, Topic(title, _keywords(content.keywords), _query(content.query)))
    return Profile(
        name=name,
        title=title,
        description=content.description.strip(),
        topics=tuple(topics),
        exclude=_keywords(content.exclude),
        authors=content.authors,
        categories=content.categories,
        sources=content.sources,
        minimum_score=content.minimum_score,
        maximum_papers=content.maximum_papers,
        replacements=content.replacements,
        trending=content.trending,
        public=content.public,
    )


def _keywords(entries: Sequence[KeywordEntry]) -> tuple[Keyword, ...]:
    keywords = (Keyword(entry.keyword, entry.weight, entry.field) for entry in entries)
    return tuple(dict.fromkeys(keywords))


def _query(text: str | None) -> str | None:
    return None if text is None else text.rstrip()  # a block's final line break is none of the query's


def _language_problems(content: ProfileFile, document: Document) -> list[Problem]:
    """Return what is wrong in the keywords and queries."""
    groups: list[tuple[Location, Sequence[KeywordEntry]]] = [
        (("keywords",), content.keywords),
        (("exclude",), content.exclude),
        *((("topics", index, "keywords"), topic.keywords) for index, topic in enumerate(content.topics)),
    ]
    queries: list[tuple[Location, str | None]] = [
        (("query",), content.query),
        *((("topics", index, "query"), topic.query) for index, topic in enumerate(content.topics)),
    ]
    problems = [problem for location, entries in groups for problem in check_keywords(document, location, entries)]
    for location, query in queries:
        if query is not None:
            problems += check_query(document, location, query)
    return problems


def _profile_problems(loaded: LoadedProfile, content: ProfileFile, sources: Collection[str] | None) -> list[Problem]:
    """Return what is wrong with a profile as a whole."""
    problems: list[Problem] = [] if sources is None else _unknown_sources(loaded, content.sources, sources)
    profile = loaded.profile
    is_narrowed = profile.authors or profile.categories or profile.sources or profile.trending
    if not profile.topics and not is_narrowed:
        message = "the profile has no keywords, so it takes every paper"
        problems.append(loaded.problem((), message, "add keywords: [a phrase, another]", "warning"))
    for index, category in enumerate(content.categories):
        advice = unknown_category_advice(category)
        if advice:
            message = f"arXiv has no category “{category}”"
            problems.append(loaded.problem(("categories", index), message, advice, "warning"))
    return problems + _topic_problems(loaded, content)


def _topic_problems(loaded: LoadedProfile, content: ProfileFile) -> list[Problem]:
    problems = []
    for topic in loaded.profile.topics:
        if topic.query is None and all(keyword.weight < 0 for keyword in topic.keywords):
            message = f"no keyword of topic “{topic.name}” has a weight above zero, so it takes no paper"
            problems.append(loaded.problem(_location_of(content, topic), message, "add one that has"))
    names = Counter(topic.name.casefold() for topic in loaded.profile.topics)
    for index, entry in enumerate(content.topics):
        if names[entry.name.casefold()] > 1:
            message = f"topic “{entry.name}” is there twice"
            problems.append(loaded.problem(("topics", index, "name"), message, "give each its own name"))
    return problems


def _location_of(content: ProfileFile, topic: Topic) -> Location:
    names = [entry.name for entry in content.topics]
    return ("topics", names.index(topic.name)) if topic.name in names else ("keywords",)


def _unknown_sources(loaded: LoadedProfile, names: Sequence[str], known: Collection[str]) -> list[Problem]:
    problems = []
    for index, name in enumerate(names):
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            advice = suggestion(name, known) or f"the sources in newsletter.yaml are: {listed}"
            problems.append(loaded.problem(("sources", index), f"there is no source “{name}”", advice))
    return problems


def _same_names(loaded: Sequence[LoadedProfile]) -> list[Problem]:
    first: dict[str, LoadedProfile] = {}
    problems = []
    for profile in loaded:
        other = first.setdefault(profile.profile.name.casefold(), profile)
        if other is not profile:
            message = f"the profile name “{profile.profile.name}” is taken by {other.document.file}"
            problems.append(profile.problem(("name",), message, "give it another name:"))
    return problems
