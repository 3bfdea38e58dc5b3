"""The one loop between a method call and GitHub's answer: authorise, send, follow, judge."""

from __future__ import annotations

import logging

from ghartifacts_async._sansio import arguments, redirects
from ghartifacts_async._sansio.calls import ACCEPT, ApiCall, Reply, error_of
from ghartifacts_async._transport import Transport
from ghartifacts_async.auth import Auth
from ghartifacts_async.errors import RedirectRefused

_log = logging.getLogger("ghartifacts_async")


class Session:
    """API calls of one client.

    Args:
        transport: Sends them.
        auth: Whose calls they are.
        base_url: Of the API, without a slash at its end.
        api_version: Sent as ``X-GitHub-Api-Version``.
    """

    def __init__(
        self, transport: Transport, auth: Auth, *, base_url: str, api_version: str
    ) -> None:
        self._transport = transport
        self._auth = auth
        self._base_url = base_url
        self._api_version = api_version

    async def call(self, call: ApiCall) -> Reply:
        """Make a call, and return its answer: a success.

        Raises:
            GitHubError: GitHub says no.
            RedirectRefused: The answer is a redirect out of the API.
            TransportError: No answer came.
        """
        url, reply = await self._send(call)
        away = redirects.store_hop(url, reply.status, reply.headers)
        if away is not None:
            raise RedirectRefused(
                f"{call}: redirected from the API to {away.host}; the token does not go there"
            )
        return reply

    async def locate(self, call: ApiCall) -> redirects.SignedUrl:
        """Make a call whose answer is a redirect out of the API, and return its target.

        Raises:
            GitHubError: GitHub says no.
            RedirectRefused: There is no target, or an insecure one.
            TransportError: No answer came.
        """
        url, reply = await self._send(call)
        target = redirects.store_hop(url, reply.status, reply.headers)
        if target is None:
            raise RedirectRefused(
                f"{call}: expected a redirect to the payload, got status {reply.status}"
            )
        return target

    async def _send(self, call: ApiCall) -> tuple[str, Reply]:
        """The answer and the URL that gave it, redirects within the API followed."""
        headers = {"Accept": ACCEPT, "X-GitHub-Api-Version": self._api_version}
        token = await self._auth.token()
        if token is not None:
            headers["Authorization"] = f"Bearer {arguments.token(token)}"
        url = self._base_url + call.target
        for _ in range(redirects.MAX_HOPS + 1):
            reply = await self._transport.send(call.method, url, headers)
            request_id = reply.headers.get("x-github-request-id", "-")
            _log.debug("%s: %d (request %s)", call, reply.status, request_id)
            if error := error_of(call, reply):
                raise error
            hop = redirects.api_hop(self._base_url, url, reply.status, reply.headers)
            if hop is None:
                return url, reply
            url = hop
        raise RedirectRefused(f"{call}: more than {redirects.MAX_HOPS} redirects; they may loop")
