"""What comes in with a request: JSON of a bounded size, and an idempotency key under which nothing happens twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response

from newsletter.errors import StoreError
from newsletter.model import KeptAnswer, KeyedRequest, RequestPhase
from newsletter.web.api.problems import SAYINGS, RefusedError, on_store

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from newsletter.model import RequestStanding
    from newsletter.ports import RequestStore

KEY: Final = re.compile(r"[\x21-\x7e]{1,100}")
JSON: Final = re.compile(r"application/([a-z0-9.+-]+\+)?json\b", re.IGNORECASE)
KEPT_HEADERS: Final = ("content-type", "location", "etag")
REPLAYED: Final = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True)
class Occasion:
    """When what a request asks was first begun, and whether this is another try at it."""

    started_at: datetime
    is_resumed: bool = False


@dataclass(slots=True)
class Intake:
    """ASGI middleware: 413 and 415, and each request under a key carried out once (``request.state.occasion``)."""

    app: ASGIApp
    store: RequestStore
    clock: Callable[[], datetime]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            body = await self._body(scope, receive)
            request = keyed_request(scope, body)
            await self._serve(scope, once(body, receive), send, request)
        except RefusedError as error:
            await error.answer(scope, receive, send)
        except StoreError as error:
            await (await on_store(None, error))(scope, receive, send)  # type: ignore[arg-type]

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        if scope["method"] == "GET":
            return b""
        body = b""
        try:
            while (message := await receive())["type"] == "http.request":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
        except HTTPException as error:  # the guard's, which counts octets
            raise RefusedError(413, "content_too_large", SAYINGS[413]) from error
        if body and not JSON.match(Headers(scope=scope).get("content-type", "")):
            raise RefusedError(415, "not_json", "The body has to be JSON.", headers={"Accept": "application/json"})
        return body

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request: KeyedRequest | None) -> None:
        now = self.clock()
        if request is None:
            await self.app(on_occasion(scope, Occasion(now)), receive, send)
            return
        standing = await self.store.begin_request(request, now)
        if standing.answer is not None:
            await replay(standing.answer)(scope, receive, send)
            return
        refuse(standing)
        occasion = Occasion(standing.started_at, standing.phase is RequestPhase.RESUMED)
        heard = Heard(send)
        try:
            await self.app(on_occasion(scope, occasion), receive, heard)
        finally:
            if heard.answer is not None and heard.has_changed:
                await self.store.finish_request(request, heard.answer)
            else:
                await self.store.abandon_request(request)
            await heard.release()


@dataclass(slots=True)
class Heard:
    """Takes an answer and holds it back until it is kept: whoever reads it may rely on that."""

    send: Send
    status: int = 0
    headers: Headers | None = None
    body: bytes = b""
    messages: list[Message] | None = None
    is_whole: bool = False

    async def __call__(self, message: Message) -> None:
        """Take a part of the answer."""
        self.messages = [*(self.messages or []), message]
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], Headers(raw=message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            self.is_whole = not message.get("more_body")

    @property
    def has_changed(self) -> bool:
        """Whether the request did what it asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 (RFC 9110 classes)

    @property
    def answer(self) -> KeptAnswer | None:
        """The answer, once it is whole."""
        if not self.is_whole or self.headers is None:
            return None
        kept = {name: self.headers[name] for name in KEPT_HEADERS if name in self.headers}
        return KeptAnswer(self.status, kept, self.body.decode())

    async def release(self) -> None:
        """Send it on."""
        for message in self.messages or []:
            await self.send(message)


def keyed_request(scope: Scope, body: bytes) -> KeyedRequest | None:
    """Return a POST with its key, None for what has none; RefusedError (400) for a key that is none."""
    key = Headers(scope=scope).get("idempotency-key")
    if scope["method"] != "POST" or key is None:
        return None
    if not KEY.fullmatch(key):
        detail = "An idempotency key has up to 100 visible ASCII characters."
        raise RefusedError(400, "bad_idempotency_key", detail)
    asked = b"\0".join((scope["method"].encode(), scope["path"].encode(), scope["query_string"], body))
    return KeyedRequest(scope["state"]["token"].name, key, hashlib.sha256(asked).hexdigest())


def refuse(standing: RequestStanding) -> None:
    """Raise RefusedError where nothing is to be done: 409 while it is under way, 422 for a key that was used."""
    if standing.phase is RequestPhase.UNDER_WAY:
        detail = "The same request is under way. Ask again in a moment."
        raise RefusedError(409, "request_under_way", detail, headers={"Retry-After": "1"})
    if standing.phase is RequestPhase.OTHER:
        raise RefusedError(422, "idempotency_key_reused", "This key was used for another request.")


def replay(answer: KeptAnswer) -> Response:
    """Return an answer that was given before."""
    return Response(answer.body, answer.status, {**answer.headers, REPLAYED: "true"})


def on_occasion(scope: Scope, occasion: Occasion) -> Scope:
    """Return a request's scope with its occasion."""
    return {**scope, "state": {**scope.get("state", {}), "occasion": occasion}}


def once(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again
