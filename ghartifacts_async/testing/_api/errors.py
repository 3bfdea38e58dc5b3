"""Refusals: the error bodies of GitHub, and the exception that carries one out of a check."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from ghartifacts_async.testing._shared.messages import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENTATION = "https://docs.github.com/rest"
_JSON = "application/json; charset=utf-8"


class RefusedError(Exception):
    """Carries the answer out of whichever check refuses a request."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def json_reply(status: int, document: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer whose body is this document."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, {"Content-Type": _JSON, **(headers or {})}, body)


def error_reply(
    status: int,
    message: str,
    documentation_url: str = DOCUMENTATION,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Return an answer with an error body as GitHub writes it."""
    document = {"message": message, "documentation_url": documentation_url, "status": str(status)}
    return json_reply(status, document, headers)


def refuse(
    status: int,
    message: str,
    documentation_url: str = DOCUMENTATION,
    headers: Mapping[str, str] | None = None,
) -> NoReturn:
    """Refuse the request that is being decided."""
    raise RefusedError(error_reply(status, message, documentation_url, headers))
