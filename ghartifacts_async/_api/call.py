"""API calls as values: the request to send, and how to decode its response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from attrs import field, frozen

from ghartifacts_async._http.messages import Response

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


@frozen
class ApiCall(Generic[_T_co]):
    """A request to send to the API, and the function that decodes its response.

    Attributes:
        method: HTTP method.
        path: Percent-encoded path below the API's base URL. It has a leading slash, but no
            trailing one, which GitHub rejects.
        decode: Function that converts the response to the call's result, or raises an
            `ArtifactsError`.
        query: Query parameters by name.
        conditional: Whether to cache the response and revalidate it with its ``ETag``.
        body: JSON to send, or ``None``.
        repeatable: Whether the call may be made again if it may have been executed already.
        permission: Permission that the call needs, or ``""`` if it is not known. A 404 may mean
            that the token lacks it.
        divisible: Whether the caller can ask for less. If so, `ApiClient.fetch` returns the second
            of two server errors (5xx) in a row instead of making another attempt.
        notes: Text to add to the error of a response, by status.
    """

    method: str
    path: str
    decode: Callable[[ApiCall[Any], Response], _T_co]
    query: Mapping[str, str] = field(factory=dict)
    conditional: bool = False
    body: object = None
    repeatable: bool = True
    permission: str = "actions"
    divisible: bool = False
    notes: Mapping[int, str] = field(factory=dict)

    @property
    def target(self) -> str:
        """Path and query as sent."""
        if not self.query:
            return self.path
        return f"{self.path}{'&' if '?' in self.path else '?'}{urlencode(self.query)}"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class ApiCaller(Protocol):
    """A function that makes an API call with a given token instead of the client's."""

    def __call__(self, call: ApiCall[_T], token_factory: Callable[[], str], /) -> Awaitable[_T]:
        """Make the call and return its decoded result.

        Args:
            call: The call to make.
            token_factory: Function that returns the token to send. Every attempt calls it again.
        """
        ...
