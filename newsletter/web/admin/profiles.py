"""Profiles: their files, what they sent, what readers said of it, and what a draft would send. Nothing is written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.languages import ENGLISH
from newsletter.model import Aspect, ProfileVoices
from newsletter.settings.load import in_order
from newsletter.settings.profiles import find_profile_file, read_draft
from newsletter.settings.values import NAME
from newsletter.web.admin.asked import span_of
from newsletter.web.admin.issues import parts_of
from newsletter.web.asked import number
from newsletter.web.plots import Series, columns, lines

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.responses import Response

    from newsletter.model import Problem, Profile
    from newsletter.service.trial import Trials
    from newsletter.web.admin.access import Access, Visit
    from newsletter.wiring.application import Application

PATH: Final = "/admin/profiles"
DAYS: Final = 30
LONGEST: Final = 40_000  # characters of a draft
LINES: Final = 400  # of a file on one page
SHOWN: Final = 40  # papers gained, and lost
SILENT: Final = ProfileVoices("", 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ProfilePages:
    """Profiles."""

    application: Application
    access: Access
    trials: Trials

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route(PATH, self.access.reading(self.profiles)),
            Route(f"{PATH}/{{name}}", self.access.reading(self.profile), methods=["GET"]),
            Route(f"{PATH}/{{name}}", self.access.acting(self.draft), methods=["POST"]),
        ]

    async def profiles(self, visit: Visit) -> Response:
        """Answer with what each profile sent in the last 30 days, and how often readers answered."""
        store, since = self.application.store, span_of(None, self.application.now()).first
        sent = {part.value: part for part in parts_of(await store.shares(Aspect.PROFILE, since))}
        voices = {each.profile: each for each in await store.profile_voices(since)}
        readers = await store.count_readers()
        known = self.application.profiles
        rows = [(known[name], readers.get(name, 0), sent.get(name), voices.get(name, SILENT)) for name in sorted(known)]
        return self.access.answer(visit, "profiles.html", here="profiles", rows=rows, counts_clicks=self._counts_clicks)

    async def profile(self, visit: Visit) -> Response:
        """Answer with a profile's file, what it brought, and a form to try another version of it."""
        profile = self._named(visit)
        file, text = await self._file(profile.name)
        return self._page(visit, profile, file=file, text=text, draft=text, **await self._history(profile))

    async def draft(self, visit: Visit, form: FormData) -> Response:
        """Answer with what is wrong in a draft, and what it would have sent in the last 30 days (422 when it is none);
        the profile ``new`` is one that is not there yet.
        """
        known = self.application.profiles
        name = visit.request.path_params["name"]
        in_force = known.get(name)
        text = str(form.get("draft") or "").replace("\r\n", "\n")
        stem = name if in_force else str(form.get("name") or "").strip()
        if not NAME.fullmatch(stem):
            raise HTTPException(400)
        if len(text) > LONGEST:
            raise HTTPException(413)
        others = set(known) - {name}
        sources = self.application.configuration.settings.sources
        loaded, found_problems = await asyncio.to_thread(read_draft, text, stem, others, sources)
        problems = in_order(found_problems)
        if loaded is None or any(each.severity == "error" for each in problems):
            return self._tried(visit, stem, in_force, text, problems)
        found, papers = await self.trials.compare(in_force, loaded.profile, self.application.now())
        before, after = found.counts()
        series = [Series("draft", after, 1)] + ([Series("in force", before, 2)] if in_force else [])
        plot = lines([ENGLISH.short_day(day) for day in found.days], series)
        return self._tried(
            visit, stem, in_force, text, problems, comparison=found, plot_of=plot, papers=papers, shown=SHOWN
        )

    def _tried(
        self, visit: Visit, name: str, in_force: Profile | None, text: str, problems: list[Problem], **found: Any
    ) -> Response:
        values: dict[str, Any] = {"comparison": None} | found
        marked = {each.line for each in problems}
        status = 200 if values["comparison"] else 422
        values |= {"name": name, "in_force": in_force, "draft": text, "problems": problems, "marked": marked}
        return self.access.answer(visit, "draft.html", status, here="profiles", lines=text.splitlines(), **values)

    @property
    def _counts_clicks(self) -> bool:
        return self.application.configuration.settings.web.count_clicks

    def _named(self, visit: Visit) -> Profile:
        profile = self.application.profiles.get(visit.request.path_params["name"])
        if profile is None:
            raise HTTPException(404)
        return profile

    async def _file(self, name: str) -> tuple[str, str]:
        directory = self.application.configuration.directory
        return await asyncio.to_thread(find_profile_file, directory, name) or ("", "")

    async def _history(self, profile: Profile) -> dict[str, Any]:
        store = self.application.store
        span = span_of(None, self.application.now())
        brought = {each.issue_date: each.papers for each in await store.archived_issues([profile.name], DAYS)}
        papers = Series("papers", [brought.get(day, 0) for day in span.dates], 2)
        voices = {each.profile: each for each in await store.profile_voices(span.first)}
        pauses = [each for each in await store.pauses() if each.name == profile.name]
        readers = (await store.count_readers()).get(profile.name, 0)
        plot = columns(span.labels, [papers])
        found = {"plot_of": plot, "voices": voices.get(profile.name, SILENT), "pauses": pauses, "readers": readers}
        return found | {"counts_clicks": self._counts_clicks}

    def _page(self, visit: Visit, profile: Profile, *, text: str, **values: Any) -> Response:
        page = number(visit.request.query_params.get("page"))
        lines_there = text.splitlines()
        values |= {"lines": lines_there[(page - 1) * LINES : page * LINES], "first": (page - 1) * LINES + 1}
        values |= {"next_page": page + 1 if len(lines_there) > page * LINES else 0, "longest": LONGEST}
        return self.access.answer(visit, "profile.html", here="profiles", profile=profile, **values)
