"""`EndpointCall`: what the handler of an endpoint needs, and the responses that handlers share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import attrs

from ghartifacts_async.testing._api.auth.identity import Identity
from ghartifacts_async.testing._api.endpoints.pagination import Page
from ghartifacts_async.testing._api.errors import JSON_CONTENT_TYPE, ApiError, encode_json
from ghartifacts_async.testing._api.headers import caching
from ghartifacts_async.testing._api.routes import Route
from ghartifacts_async.testing._shared.messages import (
    Request,
    Response,
    etag_matches,
    http_date,
    seconds_after,
)
from ghartifacts_async.testing._shared.repository import Repository

T = TypeVar("T")


@attrs.frozen(eq=False)
class EndpointCall:
    """A request that has passed all checks, and for which an endpoint makes the response.

    Attributes:
        request: The request.
        route: The endpoint and the values in the path.
        identity: Who sent the request.
        api_url: The base URL of the API that the request was sent to, without a trailing slash.
        found: The repository in the path; None if the path has none or if it does not exist.
    """

    request: Request
    route: Route
    identity: Identity
    api_url: str
    found: Repository | None

    @property
    def repository(self) -> Repository:
        """The repository in the path of an endpoint that requires it to exist."""
        assert self.found is not None
        return self.found

    def not_found(self) -> ApiError:
        """Return the error for something that does not exist."""
        return ApiError(404, "Not Found", self.route.endpoint.documentation_url)

    def document(
        self,
        document: object,
        headers: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        modified: datetime | None = None,
    ) -> Response:
        """Return the document with its ETag, or 304 if the client has this version of it.

        Args:
            document: The document.
            headers: Additional headers of the response.
            status: The status.
            modified: The time in `Last-Modified`; None sends none.
        """
        body = encode_json(document)
        etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        common = {
            **caching(is_authenticated=self.identity.is_authenticated),
            "ETag": etag,
            **({} if modified is None else {"Last-Modified": http_date(modified.timestamp())}),
            **(headers or {}),
        }
        if self._is_known(etag, common.get("Last-Modified", "")):
            return Response(304, common)
        return Response(status, {"Content-Type": JSON_CONTENT_TYPE, **common}, body)

    def _is_known(self, etag: str, last_modified: str) -> bool:
        """Return True if a condition of the request says that the client has the document."""
        conditions = self.request.headers
        if "If-None-Match" in conditions:
            return etag_matches(conditions["If-None-Match"], etag, weakly=True)
        age = seconds_after(last_modified, conditions.get("If-Modified-Since", ""))
        return age is not None and age <= 0

    def listing(
        self,
        key: str,
        items: Sequence[T],
        document: Callable[[T], object],
        *,
        results: int | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> Response:
        """Return the requested page of a listing.

        Args:
            key: The key of the items in the document.
            items: All items of the listing.
            document: A function that returns the document of an item.
            results: How many items can be read page by page; None means all. The document's
                `total_count` is the number of all items.
            extra: Other keys of the document.
        """
        readable = len(items) if results is None else min(results, len(items))
        page = Page.from_query(self.request.query)
        shown = items[page.start : min(page.start + page.size, readable)]
        documents = [document(item) for item in shown]
        listing = {"total_count": len(items), **(extra or {}), key: documents}
        return self.document(listing, self.links(readable))

    def plain_listing(
        self,
        items: Sequence[T],
        document: Callable[[T], object],
        *,
        modified: datetime | None = None,
    ) -> Response:
        """Return the requested page of a listing whose document is only the list of its items."""
        page = Page.from_query(self.request.query)
        shown = items[page.start : page.start + page.size]
        documents = [document(item) for item in shown]
        return self.document(documents, self.links(len(items)), modified=modified)

    def links(self, total: int) -> dict[str, str]:
        """Return the `Link` header of the requested page of a listing with this many items."""
        query = self.request.query
        return Page.from_query(query).links(self.api_url + self._canonical_path(), query, total)

    def _canonical_path(self) -> str:
        """Return the path in `Link`, which has the repository's id instead of its name."""
        if self.found is None:
            return self.request.raw_path.removeprefix(self.route.base)
        return f"/repositories/{self.found.id}/{self.route.subpath}"
