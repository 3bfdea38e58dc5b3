"""`Fault`: one way in which the API fails; and when a server fails, its blob host included."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Literal, Self, TypeVar, overload

import attrs

from ghartifacts_async.testing._api.errors import error_reply
from ghartifacts_async.testing._api.traffic import SECONDARY_MESSAGE, SECONDARY_URL
from ghartifacts_async.testing._shared.log import LoggedRequest, Origin
from ghartifacts_async.testing._shared.matching import Match
from ghartifacts_async.testing._shared.messages import Reply, Request, http_date, phrase

_UNICORN = "<!DOCTYPE html>\n<html><head><title>Unicorn!</title></head><body>{}</body></html>\n"


@attrs.frozen(hash=False)
class Fault:
    """One answer that the API gives instead of its own.

    It has the headers that every answer has (`Date` and the limits among them) and counts
    against the limits. Other kinds than a status are made by the class methods below.

    Attributes:
        status: The status; None keeps that of the API's own answer.
        headers: Headers set on top of those, whatever their case; None takes one away.
        body: Bytes or text as they are, or a document to be written as JSON; by default
            GitHub's error body for that status.
        retry_after: The seconds that `Retry-After` asks to wait.
        retry_after_date: Whether it does so by an HTTP date, on the server's clock.
        after: Whether the work is done beforehand: a DELETE that fails so has deleted.
        connection: `"kept"`; `"dropped"` before the answer; or `"cut"` half-way in the body
            (before the answer where it has no body).
    """

    status: int | None
    headers: Mapping[str, str | None] = attrs.field(factory=dict, kw_only=True)
    body: Mapping[str, object] | bytes | str | None = attrs.field(default=None, kw_only=True)
    retry_after: float | None = attrs.field(default=None, kw_only=True)
    retry_after_date: bool = attrs.field(default=False, kw_only=True)
    after: bool = attrs.field(default=False, kw_only=True)
    connection: Literal["kept", "dropped", "cut"] = attrs.field(default="kept", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.status is None and (not self.after or self.body is not None):
            raise ValueError("a fault without a status of its own keeps the API's answer")

    @classmethod
    def dropped(cls, *, after: bool = False) -> Self:
        """Drop the connection before the answer, with the work done or not.

        aiohttp's client by itself sends an idempotent request, DELETE too, a second time where
        its connection is dropped: two of these in a row outlast that.
        """
        return cls(None if after else 500, after=after, connection="dropped")

    @classmethod
    def cut(cls) -> Self:
        """Do the work, and drop the connection half-way in the body of its answer."""
        return cls(None, after=True, connection="cut")

    @classmethod
    def html(cls, status: int = 502) -> Self:
        """Answer with a page for people, as the proxies before the API do."""
        page = _UNICORN.format("This page is taking too long to load.")
        return cls(status, headers={"Content-Type": "text/html; charset=utf-8"}, body=page)

    @classmethod
    def secondary_limit(cls, retry_after: float | None = 60.0, *, status: int = 403) -> Self:
        """Refuse for a secondary limit, with the time to wait or without."""
        document = {"message": SECONDARY_MESSAGE, "documentation_url": SECONDARY_URL}
        return cls(status, body=document, retry_after=retry_after)

    def reply(self, own: Reply | None, now: float, *, bodiless: bool) -> Reply:
        """Return what is sent.

        Args:
            own: The API's own answer, where the work has been done.
            now: Seconds since the epoch.
            bodiless: Whether no body is sent in any case, as for a HEAD.
        """
        if self.status is None:
            assert own is not None
            made = Reply(own.status, dict(own.headers), own.body)
        else:
            made = self._answer(self.status)
        if self.retry_after is not None:
            at = http_date(now + self.retry_after)
            made.headers["Retry-After"] = at if self.retry_after_date else f"{self.retry_after:g}"
        cut: Literal["head", "body"] | None = None
        if self.connection != "kept":
            cut = "body" if self.connection == "cut" and made.body and not bodiless else "head"
        return Reply(made.status, made.headers, made.body, cut)

    def overlay(self, headers: dict[str, str]) -> dict[str, str]:
        """Put the fault's own headers on top of those of the answer."""
        if not self.headers:
            return headers
        replaced = {name.lower() for name in self.headers}
        kept = {name: value for name, value in headers.items() if name.lower() not in replaced}
        return kept | {name: value for name, value in self.headers.items() if value is not None}

    def _answer(self, status: int) -> Reply:
        if status in {204, 304}:
            return Reply(status)
        if self.body is None:
            return error_reply(status, phrase(status))
        if isinstance(self.body, Mapping):
            body = json.dumps(dict(self.body)).encode()
        else:
            body = self.body.encode() if isinstance(self.body, str) else self.body
        return Reply(status, {"Content-Type": "application/json; charset=utf-8"}, body)


F = TypeVar("F")
Choose = Callable[[LoggedRequest], F | int | None]


class Faults(Generic[F]):
    """The faults in store for one origin.

    Args:
        origin: The origin.
        of_status: Makes a fault of its status.
    """

    def __init__(self, origin: Origin, of_status: Callable[[int], F]) -> None:
        self._origin: Origin = origin
        self._of_status = of_status
        self._scripts: list[tuple[Match, deque[F]]] = []
        self._choosers: list[Choose[F]] = []

    @property
    def left(self) -> int:
        """How many of the queued faults no request has met yet."""
        return sum(len(queue) for _, queue in self._scripts)

    def queue(self, match: Match, faults: Sequence[F | int]) -> None:
        """Keep faults for the next requests that are meant."""
        self._scripts.append((match, deque(map(self._fault, faults))))

    def choose(self, choose: Choose[F]) -> None:
        """Ask a function about each request that meets no queued fault."""
        self._choosers.append(choose)

    def clear(self) -> None:
        """Fail no more."""
        self._scripts.clear()
        self._choosers.clear()

    def next_for(self, request: Request) -> F | None:
        """Take out what a request is to meet, or return None."""
        for match, queue in self._scripts:
            if queue and match(request):
                fault = queue.popleft()
                self._scripts = [script for script in self._scripts if script[1]]
                return fault
        if self._choosers:
            logged = LoggedRequest.of(self._origin, request)
            for choose in self._choosers:
                chosen = choose(logged)
                if chosen is not None:
                    return self._fault(chosen)
        return None

    def _fault(self, fault: F | int) -> F:
        return self._of_status(fault) if isinstance(fault, int) else fault


@overload
def fault_bursts(
    seed: int, *, share: float = ..., longest: int = ...
) -> Callable[[LoggedRequest], int | None]: ...


@overload
def fault_bursts(
    seed: int, *, share: float = ..., longest: int = ..., faults: Sequence[F | int]
) -> Choose[F]: ...


def fault_bursts(
    seed: int,
    *,
    share: float = 0.02,
    longest: int = 5,
    faults: Sequence[object] = (500, 502, 503, 504),
) -> Callable[[LoggedRequest], object]:
    """Return a function that fails in bursts, the same for a seed.

    It is for `FakeGitHub.fail_when`, or for `FakeGitHub.fail_blobs_when`.

    Args:
        seed: What decides it all.
        share: How probably a request outside a burst begins one.
        longest: The most requests in a row that a burst takes.
        faults: What a failing request meets, one of them at random.
    """
    rng = random.Random(seed)  # noqa: S311 - it is to be predictable
    left = 0

    def choose(_: LoggedRequest) -> object:
        nonlocal left
        if not left and rng.random() < share:
            left = rng.randint(1, longest)
        if not left:
            return None
        left -= 1
        return rng.choice(faults)

    return choose
