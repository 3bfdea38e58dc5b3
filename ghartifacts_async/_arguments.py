"""What a caller may pass; anything else is answered before a request is sent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterable
from typing import TypeVar, get_args

from ghartifacts_async._http.redaction import Secret
from ghartifacts_async._http.urls import split_url
from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact, Direction, IfDirectoryExists, IfExists

_Several = TypeVar("_Several")

MAX_PER_PAGE = 100
MAX_CONCURRENCY = 256
MAX_CONNECTIONS = 8

DEFAULT_TEMPLATE = "{name}-{id}"
"""Where the file of an artifact lies, among many."""

_REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+(?<!\.git)")
_REPOSITORY_IN_URL = re.compile(
    r"github[^/@]*[/:]([^/?#]+/[^/?#]+?)(?:\.git)?(?:[/?#].*)?\Z", re.DOTALL
)
_HOST = re.compile(
    r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?"
)
_CREDENTIAL = re.compile(r"[@?#]|gh[a-z]_|github_pat_")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]+")


def repository(name: str) -> str:
    """``owner/name``, which needs no quoting in a path."""
    if not isinstance(name, str):
        raise InvalidArgument(f"a repository is named 'owner/name', not {name!r}")
    if _REPOSITORY.fullmatch(name):
        return name
    guess = _REPOSITORY_IN_URL.search(name) or re.fullmatch(r"(.+)\.git", name)
    hint = f"; did you mean {guess[1]!r}?" if guess and _REPOSITORY.fullmatch(guess[1]) else ""
    raise InvalidArgument(f"a repository is named 'owner/name', not {_shown(name)}{hint}")


def artifact_id(artifact: Artifact | int) -> int:
    """The id of an artifact, which may be given in its place."""
    if isinstance(artifact, Artifact):
        return artifact.id
    return _positive("an artifact is an Artifact or its id", artifact)


def several(artifacts: _Several) -> _Several:
    """Something that can be iterated over."""
    if isinstance(artifacts, str | bytes) or not isinstance(artifacts, Iterable | AsyncIterable):
        kind = type(artifacts).__name__
        raise InvalidArgument(
            f"artifacts is an iterable of them, sync or async, not of type {kind}"
        )
    return artifacts


def run_id(run: int) -> int:
    """The id of a workflow run."""
    return _positive("a workflow run is named by its id", run)


def installation_id(installation: int | None) -> int:
    """The id of an app's installation."""
    return _positive("an installation is named by its id", installation)


def _positive(what: str, number: int | None) -> int:
    if type(number) is not int or number < 1:
        raise InvalidArgument(f"{what}, a positive int, not {number!r}")
    return number


def per_page(number: int) -> int:
    """Artifacts on a page."""
    if type(number) is not int or not 1 <= number <= MAX_PER_PAGE:
        raise InvalidArgument(f"per_page is an int from 1 to {MAX_PER_PAGE}, not {number!r}")
    return number


def limit(number: int | None) -> int | None:
    """How many artifacts to collect, ``None`` for all."""
    if number is not None and (type(number) is not int or number < 0):
        raise InvalidArgument(f"limit is an int of 0 or more, or None, not {number!r}")
    return number


def if_exists(what: IfExists) -> IfExists:
    """What to do about a file that is there."""
    if what not in get_args(IfExists):
        raise InvalidArgument(f"if_exists is 'verify', 'replace' or 'error', not {what!r}")
    return what


def if_directory_exists(what: IfDirectoryExists) -> IfDirectoryExists:
    """What to do about a directory that is there."""
    if what not in get_args(IfDirectoryExists):
        raise InvalidArgument(f"if_exists is 'error' or 'replace', not {what!r}")
    return what


def members(wanted: str | Iterable[str] | None) -> str | tuple[str, ...] | None:
    """Names of members, read once; or a pattern of them, or ``None`` for all."""
    if wanted is None or isinstance(wanted, str):
        return wanted
    names = tuple(wanted) if isinstance(wanted, Iterable) else (wanted,)
    if not all(isinstance(name, str) for name in names):
        raise InvalidArgument(f"members are names, a pattern or None, not {wanted!r}")
    if not names:
        raise InvalidArgument("members are none; None stands for all")
    return names


def count(what: str, number: int) -> int:
    """An int of 0 or more."""
    if type(number) is not int or number < 0:
        raise InvalidArgument(f"{what} is an int of 0 or more, not {number!r}")
    return number


def connections(number: int | None) -> int | None:
    """How many connections serve a download, ``None`` for what suits its size."""
    if number is not None and (type(number) is not int or not 1 <= number <= MAX_CONNECTIONS):
        raise InvalidArgument(
            f"connections is an int from 1 to {MAX_CONNECTIONS}, or None, not {number!r}"
        )
    return number


def concurrency(number: int) -> int:
    """How many of something are under way side by side."""
    if type(number) is not int or not 1 <= number <= MAX_CONCURRENCY:
        raise InvalidArgument(f"concurrency is an int from 1 to {MAX_CONCURRENCY}, not {number!r}")
    return number


def of_kind(value: object, kind: type) -> None:
    """A value of one of the public models."""
    if not isinstance(value, kind):
        name = type(value).__name__
        raise InvalidArgument(f"{kind.__name__} is wanted, not a value of type {name}")


def direction(order: Direction) -> Direction:
    """Order of a run's listing."""
    if order not in get_args(Direction):
        raise InvalidArgument(f"direction is 'asc' or 'desc', not {order!r}")
    return order


def artifact_name(name: str | None) -> str | None:
    """The exact name to list, ``None`` for all."""
    if name is None:
        return None
    if not isinstance(name, str) or not name or _SURROGATE.search(name):
        raise InvalidArgument(f"name is a non-empty str, or None, not {name!r}")
    return name


def token(value: str) -> Secret:
    """A token that a header can carry. The error never shows it."""
    if not isinstance(value, str):
        raise InvalidArgument(f"a token is a str, not {type(value).__name__}")
    value = Secret(value)
    if not value:
        raise InvalidArgument("the token is empty; pass auth=None to go without one")
    if not _HEADER_TEXT.fullmatch(value) or " " in value:
        raise InvalidArgument(
            "the token holds white space, a line break or a character outside of ASCII; "
            "if it was read from a file, strip() it"
        )
    return value


def header_value(what: str, value: str) -> str:
    """Text that a header can carry."""
    if not isinstance(value, str) or not _HEADER_TEXT.fullmatch(value):
        raise InvalidArgument(f"{what} is a non-empty line of printable ASCII, not {_shown(value)}")
    return value


def base_url(url: str) -> str:
    """The API's base URL, without a slash at its end."""
    example = "such as 'https://api.github.com', or 'https://HOST/api/v3' for GHES"
    if not isinstance(url, str):
        raise InvalidArgument(f"base_url is a URL {example}, not {url!r}")
    if "@" in url:
        raise InvalidArgument("base_url must not hold credentials; pass them as auth")
    if not _HEADER_TEXT.fullmatch(url) or any(c in url for c in " ?#\\"):
        raise InvalidArgument(
            f"base_url is a URL {example}, with neither query nor fragment, spaces nor backslashes"
        )
    parts = split_url(url)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise InvalidArgument(f"base_url is an http(s) URL {example}, not {url!r}")
    if parts.hostname in {"github.com", "www.github.com"}:
        raise InvalidArgument("the API of github.com is at base_url='https://api.github.com'")
    return f"{parts.scheme}{url[len(parts.scheme) :].rstrip('/')}"


def base_url_of_host(host: str) -> str:
    """The API's base URL of a GitHub host, as ``GH_HOST`` names one.

    github.com, a data-residency host (``SUB.ghe.com``) or a GitHub Enterprise Server.
    """
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        raise InvalidArgument(
            f"a GitHub host is a host name such as 'ghe.example', not {_shown(host)}"
        )
    name = host.lower()
    if name in {"github.com", "www.github.com", "api.github.com"}:
        return "https://api.github.com"
    if name.partition(":")[0].endswith(".ghe.com"):
        return f"https://api.{name.removeprefix('api.')}"
    return f"https://{host}/api/v3"


def _shown(value: object) -> str:
    """The value, unless it may hold credentials."""
    if isinstance(value, str) and _CREDENTIAL.search(value):
        return "this text, which is not shown: it may hold credentials"
    return repr(value)
