"""The public archive: what each topic's issues brought, by date and by topic. Nothing here is about readers."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.web.asked import day_of, issue_path, link
from newsletter.web.kept import HTML, answer
from newsletter.web.paperview import view_of
from newsletter.web.reading import profile_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.model import ArchivedPaper, Profile
    from newsletter.ports import Store
    from newsletter.service.topics import Basis, Topics
    from newsletter.web.pages import Pages

DAYS: Final = 30  # of one page of the list


class Archive:
    """The pages over the store's archive of issues."""

    def __init__(self, store: Store, topics: Topics, pages: Pages) -> None:
        self._store = store
        self._topics = topics
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [Route("/archive", self.all), Route("/archive/{day}/{name}", self.issue)]

    async def all(self, request: Request) -> Response:
        """Answer with the issues of all topics, or of the one asked for, newest first."""
        basis = await self._topics.basis()
        asked = request.query_params
        profile = basis.profiles.get(asked["topic"]) if asked.get("topic") else None
        if asked.get("topic") and profile is None:
            raise HTTPException(404)
        names = [profile.name] if profile else list(basis.profiles)
        found = await self._store.archived_issues(names, DAYS + 1, day_of(asked.get("before")))
        days = [(day, list(issues)) for day, issues in groupby(found, key=lambda issue: issue.issue_date)]
        shown = days[:DAYS]
        chosen = {"topic": profile.name} if profile else {}
        return self._answer(
            request,
            basis,
            "archive.html",
            profile=profile,
            titles={name: each.title for name, each in basis.profiles.items()},
            days=shown,
            next_page=len(days) > DAYS and link("/archive", **chosen, before=shown[-1][0].isoformat()),
        )

    async def issue(self, request: Request) -> Response:
        """Answer with one topic's issue of a date."""
        basis = await self._topics.basis()
        profile, day = profile_of(request, basis), day_of(request.path_params["day"])
        held = await self._store.archived_issue(profile.name, day) if day else []
        if day is None or not held:
            raise HTTPException(404)
        papers = await self._store.papers([each.paper_id for each in held])
        picked = await self._store.picks_of(list(papers))
        shown = {paper_id: view_of(paper, picks=picked.get(paper_id, ())) for paper_id, paper in papers.items()}
        before, after = await self._store.neighbouring_issues(profile.name, day)
        sections = [
            (topic, [shown[each.paper_id] for each in listed if each.paper_id in papers])
            for topic, listed in by_topic(profile, held)
        ]
        return self._answer(
            request,
            basis,
            "issue.html",
            profile=profile,
            day=day,
            total=len(held),
            sections=sections,
            before=before,
            after=after,
            earlier=before and issue_path(before, profile.name),
            later=after and issue_path(after, profile.name),
        )

    def _answer(self, request: Request, basis: Basis, template: str, **values: object) -> Response:
        values |= {"path": request.scope["path"], "has_pages": True, "section": "archive"}
        body = self._pages.render(template, paper_count=basis.papers, **values).encode()
        return answer(body, HTML).response_to(request)


def by_topic(profile: Profile, held: Sequence[ArchivedPaper]) -> list[tuple[str, list[ArchivedPaper]]]:
    """Return an issue's papers by topic: topics in the profile's order, then those that it no longer has."""
    order = {topic.name: place for place, topic in enumerate(profile.topics)}
    names = sorted({each.topic for each in held}, key=lambda name: (order.get(name, len(order)), name))
    return [(name, [each for each in held if each.topic == name]) for name in names]
