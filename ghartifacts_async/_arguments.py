"""Validation of public arguments. Mistakes raise `InvalidArgument` before a request is sent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from inspect import iscoroutinefunction
from os import PathLike, fsencode, fspath
from typing import TypeVar, get_args
from urllib.parse import unquote

from ghartifacts_async._http.redaction import Secret, hidden, kind_of
from ghartifacts_async._http.urls import split_url
from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact, Direction, IfDirectoryExists, IfExists, Run

_Several = TypeVar("_Several")

MAX_PER_PAGE = 100
MAX_CONCURRENCY = 256
MAX_CONNECTIONS = 8

DEFAULT_TEMPLATE = "{name}-{id}"
"""The path template of bulk downloads, and the default one of mirrors."""

_REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+(?<!\.git)")
_REPOSITORY_IN_URL = re.compile(
    r"github[^/@]*[/:]([^/?#]+/[^/?#]+?)(?:\.git)?(?:[/?#].*)?\Z", re.DOTALL
)
_HOST = re.compile(
    r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?"
)
_CREDENTIAL = re.compile(r"[@?#]|gh[a-z]_|github_pat_")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_APP_ID = re.compile(r"[1-9][0-9]*|[A-Za-z][A-Za-z0-9._-]*")
_PERMISSION = re.compile(r"[a-z][a-z_]*")
_DIGITS = re.compile(r"[0-9]{1,19}")
_OTHER_PATH_OF_GHES = re.compile(r"(.*?)/api(?:/graphql|/uploads|/v3/.+)?")
_REQUEST_PATH = re.compile(r"/(?!/)[!\"$-\[\]-~]*")
_NOT_TENANTS = frozenset({"ghe.com", "api.ghe.com", "www.ghe.com"})
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]+")


def repository(name: str) -> str:
    """Validate ``owner/name``. A valid one needs no quoting in a URL path."""
    if not isinstance(name, str):
        raise InvalidArgument(f"a repository must be named 'owner/name', not {name!r}")
    if _REPOSITORY.fullmatch(name):
        return name
    guess = _REPOSITORY_IN_URL.search(name) or re.fullmatch(r"(.+)\.git", name)
    hint = f"; did you mean {guess[1]!r}?" if guess and _REPOSITORY.fullmatch(guess[1]) else ""
    raise InvalidArgument(f"a repository must be named 'owner/name', not {_shown(name)}{hint}")


def artifact_id(artifact: Artifact | int) -> int:
    """Return the id of an artifact. If an id is passed instead, validate it."""
    if isinstance(artifact, Artifact):
        return artifact.id
    return _positive("artifact must be an Artifact or its id", artifact)


def several(artifacts: _Several) -> _Several:
    """Validate an iterable of artifacts, sync or async."""
    if isinstance(artifacts, str | bytes) or not isinstance(artifacts, Iterable | AsyncIterable):
        kind = type(artifacts).__name__
        raise InvalidArgument(
            f"artifacts must be an iterable of artifacts or ids, sync or async, not a {kind}"
        )
    return artifacts


def run_id(run: Run | int | str) -> int:
    """Return the id of a workflow run. Environment variables contain it as text."""
    if isinstance(run, Run):
        run = run.id
    if isinstance(run, str) and _DIGITS.fullmatch(run):
        run = int(run)
    return _positive("run_id must be a Run or the id of a workflow run", run)


def request_path(path: str, base_url: str = "") -> str:
    """Validate the path of a request below the API's base URL, which may precede it."""
    if isinstance(path, str) and base_url and path.startswith(f"{base_url}/"):
        path = path[len(base_url) :]
    if not isinstance(path, str) or not _REQUEST_PATH.fullmatch(path):
        raise InvalidArgument(
            "path must be a path of the API that begins with '/', percent-encoded where "
            f"necessary, not {_shown(path)}; the token is sent to no other server"
        )
    segments = unquote(unquote(path.partition("?")[0])).replace("\\", "/").split("/")
    if not {".", ".."}.isdisjoint(segments):
        raise InvalidArgument(f"path must have no dot segments, not {_shown(path)}")
    return path


def request_method(method: str) -> str:
    """Validate the method of a request, and return it in capitals."""
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise InvalidArgument(f"method must be one of {', '.join(_METHODS)}, not {method!r}")
    return method.upper()


def query(params: Mapping[str, object] | None) -> dict[str, str]:
    """Validate query parameters, and return them as text. None leaves a parameter out."""
    if not isinstance(params, Mapping | None):
        raise InvalidArgument(f"params must be a mapping or None, not a {type(params).__name__}")
    texts: dict[str, str] = {}
    for name, value in (params or {}).items():
        if not isinstance(name, str) or not isinstance(value, str | int | None):
            raise InvalidArgument(
                f"params must map names to a str, int, bool or None, not {name!r} to a "
                f"{type(value).__name__}"
            )
        if value is not None:
            texts[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return texts


def app_id(app: int | str) -> str:
    """Validate the id or client id of an app. Return it as text."""
    is_number = type(app) is int and app > 0
    if not is_number and not (isinstance(app, str) and _APP_ID.fullmatch(app)):
        raise InvalidArgument(
            f"app_id must be the id of a GitHub App, such as 12345, or its client id, such as "
            f"'Iv23liAbCdEf', not {app!r}; if you read it from a file, strip() it"
        )
    return str(app)


def permissions(granted: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Validate the permissions of an installation token; None means all of the app's."""
    if granted is None:
        return None
    if not isinstance(granted, Mapping) or not granted:
        raise InvalidArgument(
            'permissions must be a mapping such as {"actions": "read"}, or None for all '
            f"permissions of the app, not {granted!r}"
        )
    for name, access in granted.items():
        levels = (
            ("read", "write", "admin") if str(name).endswith("_projects") else ("read", "write")
        )
        if not isinstance(name, str) or not _PERMISSION.fullmatch(name):
            raise InvalidArgument(
                f"permissions has {name!r}, which is not the name of a permission"
            )
        if access not in levels:
            raise InvalidArgument(f"permissions[{name!r}] must be one of {levels}, not {access!r}")
    return dict(granted)


def installation_id(installation: int | str) -> int:
    """Validate the id of an app's installation. Environment variables contain it as text."""
    if isinstance(installation, str) and _DIGITS.fullmatch(installation):
        installation = int(installation)
    return _positive("installation_id must be the id of an installation", installation)


def _positive(what: str, number: object) -> int:
    if type(number) is not int or number < 1:
        raise InvalidArgument(f"{what}, a positive int, not {number!r}")
    return number


def per_page(number: int) -> int:
    """Validate the number of artifacts on a page."""
    if type(number) is not int or not 1 <= number <= MAX_PER_PAGE:
        raise InvalidArgument(f"per_page must be an int from 1 to {MAX_PER_PAGE}, not {number!r}")
    return number


def limit(number: int | None) -> int | None:
    """Validate the number of artifacts to collect; None means all."""
    if number is not None and (type(number) is not int or number < 0):
        raise InvalidArgument(f"limit must be a non-negative int or None, not {number!r}")
    return number


def if_exists(what: IfExists) -> IfExists:
    """Validate what to do with an existing file."""
    if what not in get_args(IfExists):
        raise InvalidArgument(f"if_exists must be 'verify', 'replace' or 'error', not {what!r}")
    return what


def if_directory_exists(what: IfDirectoryExists) -> IfDirectoryExists:
    """Validate what to do with an existing directory."""
    if what not in get_args(IfDirectoryExists):
        raise InvalidArgument(f"if_exists must be 'error' or 'replace', not {what!r}")
    return what


def members(wanted: str | Iterable[str] | None) -> str | tuple[str, ...] | None:
    """Validate names of members, a pattern of names, or None for all members."""
    if wanted is None or isinstance(wanted, str):
        return wanted
    names = tuple(wanted) if isinstance(wanted, Iterable) else (wanted,)
    if not all(isinstance(name, str) for name in names):
        raise InvalidArgument(f"members must be names, a pattern or None, not {wanted!r}")
    if not names:
        raise InvalidArgument("members is empty; pass None for all members")
    return names


def count(what: str, number: int) -> int:
    """Validate a non-negative int."""
    if type(number) is not int or number < 0:
        raise InvalidArgument(f"{what} must be a non-negative int, not {number!r}")
    return number


def connections(number: int | None) -> int | None:
    """Validate the number of connections of a download; None means that the size decides."""
    if number is not None and (type(number) is not int or not 1 <= number <= MAX_CONNECTIONS):
        raise InvalidArgument(
            f"connections must be an int from 1 to {MAX_CONNECTIONS}, or None, not {number!r}"
        )
    return number


def concurrency(number: int) -> int:
    """Validate a number of concurrent operations."""
    if type(number) is not int or not 1 <= number <= MAX_CONCURRENCY:
        raise InvalidArgument(
            f"concurrency must be an int from 1 to {MAX_CONCURRENCY}, not {number!r}"
        )
    return number


def of_kind(value: object, kind: type) -> None:
    """Validate the type of a value."""
    if not isinstance(value, kind):
        name = type(value).__name__
        raise InvalidArgument(f"expected a value of type {kind.__name__}, not {name}")


def flags(**values: object) -> None:
    """Validate arguments, given by their names, that are either True or False."""
    for name, value in values.items():
        if not isinstance(value, bool):
            raise InvalidArgument(f"{name} must be True or False, not {_shown(value)}")


def direction(order: Direction) -> Direction:
    """Validate the order of a run's listing."""
    if order not in get_args(Direction):
        raise InvalidArgument(f"direction must be 'asc' or 'desc', not {order!r}")
    return order


def artifact_name(name: str | None) -> str | None:
    """Validate the exact artifact name to list; None means all names."""
    if name is None:
        return None
    if not isinstance(name, str) or not name or _SURROGATE.search(name):
        raise InvalidArgument(f"name must be a non-empty str or None, not {name!r}")
    return name


def artifact_names(names: str | Iterable[str], what: str = "names") -> tuple[str, ...]:
    """Validate names or patterns of artifacts, and return each once."""
    several = (names,) if isinstance(names, str) or not isinstance(names, Iterable) else (*names,)
    for one in several:
        if artifact_name(one) is None:
            raise InvalidArgument(f"{what} must be names of artifacts or patterns, not None")
    return tuple(dict.fromkeys(several))


def destination(path: str | PathLike[str]) -> None:
    """Validate the path of a file or directory to write."""
    if not isinstance(path, str | PathLike) or isinstance(text := fspath(path), bytes):
        raise InvalidArgument(f"destination must be a str or a path, not {path!r}")
    try:
        valid = b"\0" not in fsencode(text)
    except ValueError:
        valid = False
    if not valid:
        raise InvalidArgument(
            f"destination contains characters that a path cannot contain: {text!r}"
        )
    if not text:
        raise InvalidArgument("destination is empty; use '.' for the working directory")


def seconds(what: str, value: float | None) -> float | None:
    """Validate a positive number of seconds; None means no limit."""
    valid = isinstance(value, int | float) and type(value) is not bool
    if value is not None and not (valid and 0 < value < float("inf")):
        raise InvalidArgument(f"{what} must be a positive number of seconds or None, not {value!r}")
    return value


def callback(function: Callable[..., object] | None, name: str = "on_progress") -> None:
    """Validate a callback, which must not be async."""
    call = getattr(function, "__call__", None)  # noqa: B004 - an object may have an async one
    if function is not None and (call is None or any(map(iscoroutinefunction, (function, call)))):
        raise InvalidArgument(
            f"{name} must be a plain function, not an async one; the event loop calls it"
        )


def token(value: object) -> Secret:
    """Validate a token, which is sent in a header. The error never contains the token."""
    value = hidden(value)
    if not isinstance(value, Secret):
        raise InvalidArgument(f"a token must be a str, not {kind_of(value)}")
    if not value:
        raise InvalidArgument("the token is empty; pass auth=Anonymous() for calls without a token")
    if not _HEADER_TEXT.fullmatch(value.reveal()) or " " in value.reveal():
        raise InvalidArgument(
            "the token contains white space, a line break or a non-ASCII character; "
            "if you read it from a file, strip() it"
        )
    return value


def header_value(what: str, value: str) -> str:
    """Validate the value of a header."""
    if not isinstance(value, str) or not _HEADER_TEXT.fullmatch(value):
        raise InvalidArgument(f"{what} must be one line of printable ASCII, not {_shown(value)}")
    return value


def base_url(url: str) -> str:
    """Validate the API's base URL and return it without a trailing slash."""
    example = "such as 'https://api.github.com', or 'https://HOST/api/v3' for GHES"
    if not isinstance(url, str):
        raise InvalidArgument(f"base_url must be a URL {example}, not {url!r}")
    if "@" in url:
        raise InvalidArgument("base_url must not contain credentials; pass them as auth")
    if not _HEADER_TEXT.fullmatch(url) or any(c in url for c in " ?#\\"):
        raise InvalidArgument(
            f"base_url must be a URL {example}, without query, fragment, spaces or backslashes"
        )
    parts = split_url(url)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise InvalidArgument(f"base_url must be an http(s) URL {example}, not {url!r}")
    host, path = (parts.hostname or "").rstrip("."), parts.path.rstrip("/")
    if suggestion := _intended_base_url(host, path, parts.netloc):
        raise InvalidArgument(f"base_url {url!r} is not an API; did you mean {suggestion!r}?")
    if parts.scheme == "http" and (host == "api.github.com" or host.endswith(".ghe.com")):
        raise InvalidArgument(f"base_url {url!r} would send the token unencrypted; use https://")
    return f"{parts.scheme}{url[len(parts.scheme) :].rstrip('/')}"


def _intended_base_url(host: str, path: str, netloc: str) -> str | None:
    """Return the base URL of the API that a URL of another page of GitHub is meant to be."""
    if _is_github(host) and (path or host != "api.github.com"):
        return "https://api.github.com"
    if host in _NOT_TENANTS:
        return "https://api.SUB.ghe.com"
    if host.endswith(".ghe.com") and (path or not host.startswith("api.")):
        return f"https://api.{_tenant(host)}"
    other = _OTHER_PATH_OF_GHES.fullmatch(path)
    return f"https://{netloc}{other[1]}/api/v3" if other else None


def base_url_of_host(host: str) -> str:
    """Return the base URL of the API for a GitHub host, such as the value of ``GH_HOST``.

    The host is github.com, a data-residency host (``SUB.ghe.com``) or a GHES.
    """
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        raise InvalidArgument(
            f"a GitHub host must be a host name such as 'ghe.example', not {_shown(host)}"
        )
    name, _, port = host.lower().partition(":")
    if _is_github(name):
        return "https://api.github.com"
    if name in _NOT_TENANTS:
        raise InvalidArgument(
            f"{host!r} is not the host of an enterprise with data residency; did you mean "
            "'SUB.ghe.com'?"
        )
    if name.endswith(".ghe.com"):
        return f"https://api.{_tenant(name)}{port and f':{port}'}"
    return f"https://{host}/api/v3"


def _is_github(host: str) -> bool:
    """Return True if a host is github.com, or one of its subdomains, as the GitHub CLI does."""
    return host == "github.com" or host.endswith(".github.com")


def _tenant(host: str) -> str:
    """Return the host of an enterprise with data residency, given one of its subdomains."""
    return ".".join(host.split(".")[-3:])


def _shown(value: object) -> str:
    """Return the value for an error message, or a placeholder if it may contain credentials."""
    if isinstance(value, str) and _CREDENTIAL.search(value):
        return "this text (hidden, because it may contain credentials)"
    return repr(value)
