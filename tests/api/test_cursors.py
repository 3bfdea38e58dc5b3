"""Next pages that have an opaque cursor instead of a number."""

from __future__ import annotations

import pytest

from ghartifacts_async import Artifact, ArtifactPage, UnexpectedReply
from ghartifacts_async._api.endpoints import list_repository_artifacts
from ghartifacts_async._api.pagination import PagePlan, has_more
from ghartifacts_async._api.responses.link import Cursor, cursor_call, cursor_of
from tests.values import REPOSITORY, artifact, make_response

FULL = ArtifactPage(1_000_000, (artifact(),))
FIRST = list_repository_artifacts(REPOSITORY, name=None, per_page=30)


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("/repositories/1/actions/artifacts?after=Y3Vyc29y", {"after": "Y3Vyc29y"}),
        ("https://api.github.com/x?after=a%3D%3D&per_page=30", {"after": "a==", "per_page": "30"}),
        ("https://evil.example/x?after=a", {"after": "a"}),
        ("?after=a#page=7", {"after": "a"}),
    ],
)
def test_a_cursor_is_followed_with_the_path_of_the_first_page(
    target: str, query: dict[str, str]
) -> None:
    """A next page without a number is requested with its query, and with no other host or path."""
    cursor = has_more(FIRST, make_response(link=f'<{target}>; rel="next"'), FULL)
    assert cursor == Cursor(query)
    call = cursor_call(FIRST, Cursor(query), 25)
    assert (call.method, call.path, call.conditional) == ("GET", FIRST.path, False)
    assert call.query == {**FIRST.query, **query, "per_page": "25"}
    assert call.divisible
    assert not cursor_call(FIRST, Cursor(query), 10).divisible


@pytest.mark.parametrize(
    "target", ["/x", "/x?", "/x?&", "/x?after=%ff", "/x?a b", "/x?a=\xe9", f"/x?a={'b' * 5000}"]
)
def test_an_unusable_cursor(target: str) -> None:
    """A next page that has neither a number nor a usable cursor raises UnexpectedReply."""
    with pytest.raises(UnexpectedReply, match="names page None as the next"):
        has_more(FIRST, make_response(link=f'<{target}>; rel="next"'), FULL)


def test_the_longest_cursor() -> None:
    """A cursor may be as long as the limit, and no longer."""
    assert cursor_of("?a=" + "b" * 4093) == Cursor({"a": "b" * 4093})
    assert cursor_of("?a=" + "b" * 4094) is None


def test_pages_with_a_cursor() -> None:
    """Pages that are requested with a cursor are read until one names no next page."""
    plan = PagePlan[Artifact](max_size=2, descending=True)
    pages = [(3, 2), (2, 1), (1,)]
    found: list[Artifact] = []
    for index, ids in enumerate(pages):
        page = ArtifactPage(3, tuple(artifact(id=number) for number in ids))
        found += plan.accept(None, page, has_more=index < 2 and Cursor({"after": "x"})) or ()
    assert [one.id for one in found] == [3, 2, 1]
    assert plan.done
