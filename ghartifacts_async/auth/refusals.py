"""Why GitHub refuses the token of an app, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from ghartifacts_async.errors import (
    GitHubError,
    InstallationTokenError,
    RateLimited,
    ServerError,
)

_FIRST_ERROR = 400


def is_refusal(error: GitHubError) -> bool:
    """Return True if an error of a token exchange will not go away by itself."""
    return error.status >= _FIRST_ERROR and not isinstance(error, RateLimited | ServerError)


def refusal(
    error: GitHubError,
    name: str,
    clock: str,
    app_id: str,
    installation_id: int | None,
    repository: str | None,
) -> InstallationTokenError:
    """Return the error to raise if GitHub refuses to create an installation token.

    Args:
        error: GitHub's error.
        name: The app and its installation, in words.
        clock: How wrong this machine's clock is, in words, or ``""``.
        app_id: Id or client id of the app.
        installation_id: Id of the installation, or None if it could not be found.
        repository: Repository by which the installation is found, or None.
    """
    advice = _advice(error, is_found=installation_id is not None, is_fixed=repository is None)
    parts = (f"{name}: cannot create a token: {error.summary}", advice, clock)
    return InstallationTokenError(
        "; ".join(filter(None, parts)),
        app_id=app_id,
        installation_id=installation_id,
        repository=repository,
        status=error.status,
        message=error.message,
        request_id=error.request_id,
        documentation_url=error.documentation_url,
        errors=error.errors,
        attempts=error.attempts,
        seconds=error.seconds,
        previous=error.previous,
    )


def _advice(error: GitHubError, *, is_found: bool, is_fixed: bool) -> str:
    """Return what to do about a refusal.

    Args:
        error: GitHub's error.
        is_found: Whether the id of the installation is known.
        is_fixed: Whether the caller passed that id.
    """
    if "integration not found" in error.message.lower():
        return "no app has this id; check app_id"
    match error.status:
        case 401:
            return "check that private_key belongs to this app"
        case 404 if not is_found:
            return "install the app on this repository, or check the name"
        case 404 if is_fixed:
            return (
                "the app has no installation with this id. If it was installed again, the id has "
                "changed; pass repository instead, so that it is looked up"
            )
        case 422:
            return "the app does not have all of these permissions or repositories"
    return ""


def is_granted(accepted: str | None, granted: Mapping[str, str] | None) -> bool:
    """Return True unless a token is known to lack the permissions that GitHub would accept.

    Args:
        accepted: Alternatives such as ``actions=read; actions=read,contents=read``, or None.
        granted: Access by the name of the permission, or None if it is not known.
    """
    if accepted is None or granted is None:
        return True

    def has(needed: str) -> bool:
        name, _, access = needed.strip().partition("=")
        return name in granted and (access == "read" or granted[name] in {access, "admin"})

    return any(all(map(has, each.split(","))) for each in accepted.split(";"))
