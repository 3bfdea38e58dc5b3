"""Link headers are parsed, and a listing is followed from its first page to its last."""

from __future__ import annotations

import contextlib
import math
import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Artifact, ArtifactPage, UnexpectedReply
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.endpoints import list_repository_artifacts
from ghartifacts_async._api.pagination import PagePlan, Window, has_more, page_call
from ghartifacts_async._api.responses.link import parse_link
from ghartifacts_async._http.messages import Response
from tests.api.test_pagination import leaving_out, reads
from tests.values import REPOSITORY, artifact, assert_not_quadratic, examples, make_response

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=8)
SPACE = st.sampled_from(["", "", " ", "  ", "\t"])
TARGET = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="<>"))
QUOTED = st.text("abc ,;=<>'\"\\\t\xe9/?").map(
    lambda text: '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
)
FULL = ArtifactPage(1_000_000, (artifact(),))
RENAMED = "https://api.github.com/repositories/1296269/actions/artifacts"
FIRST = list_repository_artifacts(REPOSITORY, name=None, per_page=30)


@st.composite
def parameters(draw: st.DrawFn) -> str:
    """Generate a link parameter other than ``rel``."""
    name = draw(TOKEN.filter(lambda text: text.lower() != "rel"))
    if draw(st.booleans()):
        return name
    return f"{name}{draw(SPACE)}={draw(SPACE)}{draw(QUOTED | TOKEN)}"


@st.composite
def links(draw: st.DrawFn) -> tuple[str, list[str], str]:
    """Generate a link of a Link header: its target, its relation types and its text."""
    target = draw(TARGET)
    relations = draw(st.lists(TOKEN, max_size=3))
    gap = draw(st.sampled_from([" ", "  "]))
    text = gap.join(relations)
    rel = text if len(relations) == 1 and draw(st.booleans()) else f'"{text}"'
    rel = f"{draw(st.sampled_from(['rel', 'REL', 'Rel']))}{draw(SPACE)}={draw(SPACE)}{rel}"
    before, after = (
        draw(st.lists(parameters(), max_size=2)),
        draw(st.lists(parameters(), max_size=2)),
    )
    parts = [f"<{target}>", *before, rel, *after]
    return target, relations, "".join(f"{draw(SPACE)};{draw(SPACE)}".join([p, ""]) for p in parts)


@examples(200)
@given(st.lists(links(), max_size=4))
def test_link_round_trip(written: list[tuple[str, list[str], str]]) -> None:
    """Every form of a Link header that RFC 8288 allows is parsed."""
    expected: dict[str, str] = {}
    for target, relations, _ in written:
        for relation in relations:
            expected.setdefault(relation.lower(), target)
    assert parse_link(", ".join(text for _, _, text in written)) == expected


@pytest.mark.parametrize(
    ("header", "targets"),
    [
        ("", {}),
        (
            f'<{RENAMED}?page=2>; rel="next", <{RENAMED}?page=9>; rel="last"',
            {"next": f"{RENAMED}?page=2", "last": f"{RENAMED}?page=9"},
        ),
        ("</a,b;c>;rel=next", {"next": "/a,b;c"}),
        ('</a>; rel="prev  NEXT"', {"prev": "/a", "next": "/a"}),
        ('</a>; rel="prev"; rel="next"', {"prev": "/a"}),
        ('</a>; rel="next", </b>; rel="next"', {"next": "/a"}),
        ('</a>; title="<b>; rel=\\"next\\", "; rel=last', {"last": "/a"}),
        ("</a>; crossorigin; rel=next", {"next": "/a"}),
        ("</a>; rel=next;", {"next": "/a"}),
        ("</a>", {}),
        ("</a>; rel", {}),
        ("</a; rel=next", {}),
        ("rel=next", {}),
    ],
)
def test_link(header: str, targets: dict[str, str]) -> None:
    """If several links have the same relation type, the first one wins. Bad links are ignored."""
    assert parse_link(header) == targets


@examples(200)
@given(st.text(st.sampled_from('<>;,="\\ \trelnxtREL/?a\u00e9\0\n')) | st.text(st.characters()))
def test_link_of_any_text(header: str) -> None:
    """No text makes the parser raise an exception."""
    assert all(relation and "<" not in target for relation, target in parse_link(header).items())


@pytest.mark.parametrize(
    "unit",
    [
        "<", ">", "<>", ";", '"', "\\", " ", "=", ",", "<>;", "<> ;", ';"', '\\"', "<>;a", "<>;a=",
        '<>;a="', '<>;a="\\', '<>;a="\\"', "; a", ";a ", ";a= ", ' "', "<a>;rel=", '<a>;rel="x ',
    ],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "<>", "<>;a", "<>;a=", '<>;a="', "<>;rel "])
def test_link_in_linear_time(prefix: str, unit: str) -> None:
    """A hostile header is parsed in linear time."""
    assert_not_quadratic(lambda size: parse_link(prefix + unit * (size // len(unit))))


@frozen
class Server:
    """A server that serves a listing of `count` artifacts page by page."""

    count: int
    link: str | None

    def __call__(self, call: ApiCall[Any]) -> tuple[Response, ArtifactPage]:
        """Return the response to a call, and the page in it."""
        query = dict(parse_qsl(urlsplit(call.target).query, keep_blank_values=True))
        number, size = int(query.get("page", "1")), int(query["per_page"])
        ids = range(1, self.count + 1)[(number - 1) * size : number * size]
        page = ArtifactPage(self.count, tuple(artifact(id=each) for each in ids))
        relations = {"prev": number - 1, "next": number + 1, "last": math.ceil(self.count / size)}
        if self.link is None:
            return make_response(), page
        links_of_page = [
            f'<{self.link}?{urlencode(query | {"page": str(to)})}>; rel="{relation}"'
            for relation, to in relations.items()
            if 1 <= to <= relations["last"]
        ]
        return (
            make_response(link=", ".join(links_of_page)) if links_of_page else make_response()
        ), page


@examples(150)
@given(
    st.integers(0, 60),
    st.integers(1, 20),
    st.integers(1, 70),
    st.none() | st.text(min_size=1),
    st.sampled_from(
        [
            None,
            f"https://api.github.com/repos/{REPOSITORY}/actions/artifacts",
            RENAMED,
            "/repositories/1296269/actions/artifacts",
            "http://inner.example:8080/api/v3/repositories/1/actions/artifacts",
            "",
        ]
    ),
)
def test_has_more(count: int, size: int, number: int, name: str | None, link: str | None) -> None:
    """The last page is recognized with any URL in the Link header, and without the header."""
    first = list_repository_artifacts(REPOSITORY, name=name, per_page=30)
    call = page_call(first, Window(number, size))
    assert has_more(call, *Server(count, link)(call)) is (number * size < count)


@pytest.mark.parametrize("window", [Window(1, 30), Window(1, 10), Window(2, 30), Window(7, 98)])
def test_pages_use_the_path_and_query_of_the_first(window: Window) -> None:
    """All pages use the path and filters of the first page; only its request is conditional."""
    call = page_call(FIRST, window)
    is_first = window == Window(1, 30)
    assert (call.method, call.path) == (FIRST.method, FIRST.path)
    assert call.conditional is is_first
    assert (call.query == FIRST.query) is is_first
    assert call.divisible is (window.size > 10)
    assert call.query["per_page"] == str(window.size)
    assert call.query.get("page", "1") == str(window.number)


@pytest.mark.parametrize("page", ["1", "2", "0", "-1", "x", "", "99999999999", "\u00b2", None])
def test_pagination_loop(page: str | None) -> None:
    """A Link header that names any page but the following one as next raises UnexpectedReply."""
    query = "" if page is None else f"?page={quote(page)}"
    target = f"/repositories/1/actions/artifacts{query}"
    call = ApiCall("GET", FIRST.path, FIRST.decode, {**FIRST.query, "page": "2"})
    with pytest.raises(UnexpectedReply, match="page 2") as caught:
        has_more(
            call, make_response(link=f"<{target}>; rel=next", x_github_request_id="C0:FFEE"), FULL
        )
    assert (caught.value.status, caught.value.request_id) == (200, "C0:FFEE")


@pytest.mark.parametrize(
    "header",
    ["garbage", '<?page=2>; ; rel="next"', "<?page=2>", "rel=next"],
)
def test_unreadable_link(header: str) -> None:
    """A Link header that cannot be parsed does not end a listing early."""
    assert has_more(FIRST, make_response(link=header), FULL)


@pytest.mark.parametrize(
    "target",
    [
        "//[",
        "https://[::1?page=2",
        "https://[x]/?page=2",
        "//evil.example\\@api.github.com/?page=2",
        "?page=2&per_page=x",
        "?page=2&per_page=0",
        f"?page=2&per_page={'9' * 5000}",
        "?page=2&name=\udcff",
        "?page=2&name=%00%ff",
        "?page=2&" + "a=b&" * 5000,
        "?" + "&" * 100_000,
    ],
)
def test_hostile_target(target: str) -> None:
    """A malformed link is either accepted as the next page or raises UnexpectedReply."""
    with contextlib.suppress(UnexpectedReply):
        assert has_more(FIRST, make_response(link=f'<{target}>; rel="next"'), FULL)


@pytest.mark.parametrize(
    ("total", "artifacts", "more"),
    [(31, 30, True), (30, 30, False), (0, 0, False), (100, 0, False), (60, 30, True)],
)
def test_missing_link(total: int, artifacts: int, more: bool) -> None:
    """Without a Link header, a listing continues while `total_count` promises more artifacts."""
    page = ArtifactPage(total, (artifact(),) * artifacts)
    assert has_more(FIRST, make_response(), page) is more


def test_last_page() -> None:
    """A Link header without a next page ends the listing, even if `total_count` promises more."""
    assert not has_more(FIRST, make_response(link='</x?page=1>; rel="first"'), FULL)


@pytest.mark.parametrize("total", [0, 1, 30])
def test_a_next_page_counts_although_the_total_lags(total: int) -> None:
    """A page with items has the next page that Link names, even if `total_count` lags behind."""
    link = make_response(link='</x?page=2>; rel="next"')
    assert has_more(FIRST, link, ArtifactPage(total, (artifact(),) * 30)) is True


@pytest.mark.parametrize("total", [0, 100, 101, 999])
def test_a_total_count_that_lags_hides_nothing(total: int) -> None:
    """A listing is read to its end even if its `total_count` lags behind its pages."""
    answer = leaving_out(1000, lambda _: False)
    found, _ = reads(lambda one: (evolve(answer(one)[0], total_count=total), answer(one)[1]))
    assert found == [*range(1000, 0, -1)]


def test_an_empty_page_has_no_next() -> None:
    """An empty page beyond the end that names a next page raises UnexpectedReply."""
    with pytest.raises(UnexpectedReply, match="has 0"):
        has_more(FIRST, make_response(link='</x?page=2>; rel="next"'), ArtifactPage(30, ()))


@pytest.mark.parametrize("size", [1, 2, 100])
def test_the_first_page_is_requested_alone(size: int) -> None:
    """Until the first response gives the number of items, no second page is requested."""
    plan = PagePlan[Artifact](size, descending=True)
    assert plan.next_window() == Window(1, size)
    assert plan.next_window() is None


@pytest.mark.parametrize("size", [2, 3])
def test_a_gap_between_small_pages_is_looked_for_one_item_back(size: int) -> None:
    """Half of a page of two or three items is one item."""
    plan = PagePlan[Artifact](size, descending=True)
    first, second = ArtifactPage(9, (artifact(id=9),)), ArtifactPage(8, (artifact(id=1),))
    assert plan.accept(Window(1, size), first, has_more=True)
    assert plan.accept(Window(7, size), second, has_more=True) is None
    window = plan.next_window()
    assert window is not None
    assert window.start < 6 * size - 1 <= window.stop


def test_a_gap_is_looked_for_half_a_page_back() -> None:
    """If items may be missing before a page, the next request goes back by half a page."""
    plan = PagePlan[Artifact](100, descending=True)
    listing = range(1000, 0, -1)
    starts = []
    for _ in range(6):
        window = plan.next_window()
        assert window is not None
        starts.append(window.start)
        # Before the fifth request, 200 items that come before its page were deleted.
        at = window.start + (200 if len(starts) > 4 else 0)
        ids = listing[at : at + window.size]
        plan.accept(window, ArtifactPage(1000, tuple(artifact(id=n) for n in ids)), has_more=True)
    assert starts[4] - 60 < starts[5] <= starts[4] - 50


def test_pages_are_halved_down_to_ten() -> None:
    """After the server failed to make a page, smaller ones are requested from the same place."""
    plan = PagePlan[Artifact](100, descending=True)
    window = plan.next_window()
    sizes = []
    for _ in range(5):
        assert window is not None
        sizes.append(window.size)
        assert plan.halve(window.size, window) == max(10, window.size // 2)
        window = plan.next_window()
    assert sizes == [100, 50, 25, 12, 10]
    assert window == Window(1, 10)
