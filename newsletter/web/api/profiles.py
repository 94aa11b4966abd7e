"""Profiles: what they say, whether a draft of one is right, and what it would have brought."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from newsletter.core.access import Scope
from newsletter.core.printable import one_line
from newsletter.model import Match, Paper, Problem, Profile
from newsletter.service.dry_run import Trial, gained_and_lost, papers_of_days, try_profile
from newsletter.settings.profiles import read_draft
from newsletter.web.api import values
from newsletter.web.api.cursors import Page, cursor_of, link_next, place_in
from newsletter.web.api.paperdocuments import PaperDocument, ProfileDocument, ReasonDocument
from newsletter.web.api.problems import Fault, RefusedError, missing
from newsletter.web.api.routing import LINKED, ApiParts, Resource, resource

LONGEST_TRIAL = 30  # days
DRAFT = "draft"


class ProfilePage(Page):
    """Profiles by name."""

    items: list[ProfileDocument]


class Draft(values.Asked):
    """A profile as its file would say it."""

    yaml: values.Document = Field(description="The whole file.", examples=["keywords: [diffusion model]\n"])
    name: values.Named = Field(default=DRAFT, description="What the file would be called, without its ending.")


class TriedDraft(Draft):
    """A draft, and the papers to try it on."""

    days: int = Field(
        default=7, ge=1, le=LONGEST_TRIAL, strict=True, description="The papers of the last so many days."
    )
    limit: int = Field(default=50, ge=1, le=values.MOST_IN_PAGE, strict=True, description="How many matches at most.")


class DraftProblem(BaseModel):
    """What is wrong or unwise in a draft, and where: `line` and `column` count from 1, 0 is the whole."""

    line: int
    column: int
    message: str
    advice: str | None
    severity: str = Field(description="`error` or `warning`.")

    @classmethod
    def of(cls, problem: Problem) -> DraftProblem:
        """Return a problem."""
        advice = one_line(problem.advice) or None
        return cls(
            line=problem.line,
            column=problem.column,
            message=one_line(problem.message),
            advice=advice,
            severity=problem.severity,
        )


class Validation(BaseModel):
    """Whether a draft could be put in force, and how it would be understood."""

    is_valid: bool
    profile: ProfileDocument | None
    problems: list[DraftProblem]


class TakenPaper(BaseModel):
    """A paper that a profile takes, under which topic, and why."""

    paper: PaperDocument
    topic: str
    score: float
    reasons: list[ReasonDocument]


class DryRun(BaseModel):
    """What a draft would have taken. `gained` and `lost` set it against the profile in force under its name."""

    profile: ProfileDocument
    days: int
    papers: int = Field(description="How many were looked at.")
    taken: int = Field(description="How many it takes.")
    share: float
    matches: list[TakenPaper] = Field(description="The best of these.")
    replaces: str | None = Field(description="The profile in force that it is set against.")
    gained: list[int] = Field(description="Ids of papers that only the draft takes, best first, 200 at most.")
    lost: list[int] = Field(description="Ids of papers that only the profile in force takes.")
    gained_count: int
    lost_count: int
    problems: list[DraftProblem]


@dataclass(frozen=True, slots=True)
class Profiles:
    """The endpoints."""

    parts: ApiParts

    def resource(self) -> Resource:
        """Return where they are found."""
        made, read = resource("profiles"), Scope.PROFILES_READ
        made.add("GET", "/profiles", self.list_profiles, read, faults=(400, 422), headers=LINKED)
        made.add("POST", "/drafts/validate", self.validate_profile, read)
        made.add("POST", "/drafts/dry-run", self.try_draft, read)
        made.add("GET", "/profiles/{name}", self.show_profile, read, faults=(404, 422))
        return made

    async def list_profiles(
        self, request: Request, response: Response, asked: Annotated[values.PageAsked, Query()]
    ) -> ProfilePage:
        """List the profiles in force by name, also those that no page shows."""
        place = place_in("profiles", asked.cursor, (str,))
        last = str(place[0]) if place else ""
        following = sorted((each for each in self._profiles() if each.name > last), key=lambda each: each.name)
        shown = following[: asked.limit]
        cursor = cursor_of("profiles", [shown[-1].name]) if len(following) > asked.limit else None
        link_next(request, response, self.parts.base_url, cursor)
        return ProfilePage(items=[ProfileDocument.of(each) for each in shown], next_cursor=cursor)

    async def show_profile(self, name: values.Named) -> ProfileDocument:
        """Show a profile as it is in force."""
        profile = self._profile(name)
        if profile is None:
            raise missing(f"profile {name}")
        return ProfileDocument.of(profile)

    async def validate_profile(self, body: Draft) -> Validation:
        """Say what is wrong in a draft, at line and column. Nothing is kept."""
        profile, problems = await asyncio.to_thread(self._read, body)
        is_valid = profile is not None and all(each.severity == "warning" for each in problems)
        told = ProfileDocument.of(profile) if profile else None
        return Validation(is_valid=is_valid, profile=told, problems=[DraftProblem.of(each) for each in problems])

    async def try_draft(self, body: TriedDraft) -> DryRun:
        """Say what a draft would have brought over the last days, and what it gains and loses. Nothing is kept.

        A draft that could not be put in force is refused (422), with every problem.
        """
        profile, problems = await asyncio.to_thread(self._read, body)
        errors = [each for each in problems if each.severity != "warning"]
        if profile is None or errors:
            faults = [Fault(at=f"body.yaml:{each.line}:{each.column}", message=said(each)) for each in errors]
            raise RefusedError(422, "draft_refused", "The draft could not be put in force.", faults)
        papers = await papers_of_days(self.parts.store, body.days, self.parts.clock())
        new = await asyncio.to_thread(try_profile, profile, body.days, papers, body.limit)
        current = self._profile(profile.name)
        old = None if current is None else await asyncio.to_thread(try_profile, current, body.days, papers, 0)
        return dry_run(new, old, body.limit, problems)

    def _read(self, body: Draft) -> tuple[Profile | None, list[Problem]]:
        sources = set(self.parts.configuration().settings.sources)
        loaded, problems = read_draft(body.yaml, body.name, (), sources)
        return (loaded.profile if loaded else None), problems

    def _profiles(self) -> tuple[Profile, ...]:
        return self.parts.configuration().profiles

    def _profile(self, name: str) -> Profile | None:
        return self.parts.configuration().profile(name)


def said(problem: Problem) -> str:
    """Return a problem in one line, with what to do."""
    return one_line(": ".join(part for part in (problem.message, problem.advice) if part))


def dry_run(new: Trial, old: Trial | None, limit: int, problems: list[Problem]) -> DryRun:
    """Return a trial as a document."""
    gained, lost = gained_and_lost(new, old) if old else ([], [])
    return DryRun(
        profile=ProfileDocument.of(new.profile),
        days=new.days,
        papers=len(new.papers),
        taken=new.taken,
        share=round(new.share, 4),
        matches=[taken_paper(new.papers, match) for match in new.matches[:limit]],
        replaces=old.profile.name if old else None,
        gained=list(gained)[: values.MOST_IN_PAGE],
        lost=list(lost)[: values.MOST_IN_PAGE],
        gained_count=len(gained),
        lost_count=len(lost),
        problems=[DraftProblem.of(each) for each in problems],
    )


def taken_paper(papers: dict[int, Paper], match: Match) -> TakenPaper:
    """Return a match with its paper."""
    return TakenPaper(
        paper=PaperDocument.of(papers[match.paper_id]),
        topic=match.topic,
        score=match.score,
        reasons=[ReasonDocument.of(reason) for reason in match.reasons],
    )
