"""The endpoints of commits answer as GitHub's do: histories, single commits and comparisons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import REPOSITORY, Send

COMMITS = f"/repos/{REPOSITORY}/commits"
COMPARE = f"/repos/{REPOSITORY}/compare"
START = datetime(2026, 1, 1, tzinfo=UTC)


def sha(number: int) -> str:
    """Return the SHA of a commit by its number, which is the day on which it was committed."""
    return f"{number:040x}"


@pytest.fixture
def history(fake: FakeGitHub) -> None:
    """Commits 1 and 2 on `main`; 3 and 5 on `feature/x`; 4 on `main`; 6 merges the branches."""
    for number, branch, parents in (
        (1, "main", None),
        (2, "main", None),
        (3, "feature/x", None),
        (4, "main", None),
        (5, "feature/x", None),
        (6, "main", [sha(4), sha(5)]),
    ):
        fake.add_commit(
            REPOSITORY,
            sha(number),
            branch=branch,
            parents=parents,
            author="mona" if number == 3 else None,
            files=["docs/a b.md"]
            if number == 4
            else ["src/main.py", "docs"]
            if number == 5
            else (),
            committed_at=START + timedelta(days=number),
        )


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("?sha=main", [6, 5, 4, 3, 2, 1]),
        ("?sha=feature%2Fx", [5, 3, 2, 1]),
        (f"?sha={sha(4)}", [4, 2, 1]),
        ("?author=mona", [3]),
        ("?author=MONA@users.noreply.github.com", [3]),
        ("?since=2026-01-03T00:00:00Z&until=2026-01-05T00:00:00Z", [4, 3, 2]),
        ("?since=yesterday", [6, 5, 4, 3, 2, 1]),
        ("?path=README.md", []),
        ("?path=docs", [5, 4]),
        ("?path=/docs/", [5, 4]),
        ("?path=doc", []),
        ("?path=docs%2Fa+b.md&sha=main", [4]),
        ("?path=src/main.py&author=octo-org", [5]),
    ],
)
async def test_a_history(send: Send, query: str, numbers: list[int]) -> None:
    """The history of a branch or commit is listed by the time of the commit, newest first."""
    listed = (await send(COMMITS + query)).json
    assert [int(commit["sha"], 16) for commit in listed] == numbers


@pytest.mark.usefixtures("history")
async def test_a_history_in_pages(send: Send) -> None:
    """A history has pages, and links that keep the query."""
    response = await send(f"{COMMITS}?sha=main&per_page=4&page=2")
    assert [int(commit["sha"], 16) for commit in response.json] == [2, 1]
    assert [one["sha"] for one in response.json[0]["parents"]] == [sha(1)]
    assert '?sha=main&per_page=4&page=1>; rel="prev"' in response.headers["Link"]


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("reference", "number"),
    [
        (sha(3), 3),
        (sha(3).upper(), 3),
        ("main", 6),
        ("HEAD", 6),
        ("heads%2Fmain", 6),
        ("feature%2Fx", 5),
        ("feature/x", 5),
        ("heads/main", 6),
        ("refs%2Fheads%2Ffeature%2Fx", 5),
    ],
)
async def test_a_commit(send: Send, reference: str, number: int) -> None:
    """A commit is found by its SHA and by the branch whose newest commit it is."""
    response = await send(f"{COMMITS}/{reference}")
    assert response.json["sha"] == sha(number)
    tree = response.json["commit"]["tree"]
    assert len(tree["sha"]) == 40
    assert tree["url"].endswith(f"/git/trees/{tree['sha']}")


@pytest.mark.usefixtures("history")
async def test_a_branch(send: Send) -> None:
    """A branch is found by its name, with its newest commit."""
    for name in ("feature%2Fx", "feature/x"):
        branch = (await send(f"/repos/{REPOSITORY}/branches/{name}")).json
        assert (branch["name"], branch["commit"]["sha"]) == ("feature/x", sha(5))
    missing = await send(f"/repos/{REPOSITORY}/branches/none")
    assert (missing.status, missing.json["message"]) == (404, "Branch not found")


@pytest.mark.usefixtures("history")
async def test_endpoints_below_a_commit_are_unknown(send: Send, fake: FakeGitHub) -> None:
    """Endpoints of a commit or branch that the fake does not have are not taken for branches."""
    targets = [f"{COMMITS}/main/check-runs", f"/repos/{REPOSITORY}/branches/main/protection"]
    for target in targets:
        assert (await send(target)).status == 404
    assert [request.target for request in fake.unknown_requests] == targets


async def test_the_beginning_of_a_sha(send: Send, fake: FakeGitHub) -> None:
    """A commit is found by the beginning of its SHA if no other commit's begins like it."""
    commit = fake.add_commit(REPOSITORY)
    assert (await send(f"{COMMITS}/{commit.sha[:7]}")).json["sha"] == commit.sha
    assert (await send(f"{COMMITS}/{commit.sha[:3]}")).status == 422
    fake.add_commit(REPOSITORY, commit.sha[:7] + "0" * 33)
    response = await send(f"{COMMITS}/{commit.sha[:7]}")
    assert (response.status, response.json["message"]) == (
        422,
        f"No commit found for SHA: {commit.sha[:7]}",
    )


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("names", "base", "status", "ahead", "behind"),
    [
        (f"{sha(4)}...{sha(4)}", 4, "identical", [], 0),
        (f"{sha(2)}...feature/x", 2, "ahead", [3, 5], 0),
        (f"main...{sha(2)}", 2, "behind", [], 4),
        (f"{sha(4)}...feature%2Fx", 2, "diverged", [3, 5], 1),
        ("feature/x...main", 5, "ahead", [4, 6], 0),
        (f"octo-org:{sha(4)}...octo-org:octo-docs:feature/x", 2, "diverged", [3, 5], 1),
    ],
)
async def test_a_comparison(
    send: Send, names: str, base: int, status: str, ahead: list[int], behind: int
) -> None:
    """A comparison has the newest common ancestor, and the new commits in order of time."""
    document = (await send(f"{COMPARE}/{names}")).json
    assert document["merge_base_commit"]["sha"] == sha(base)
    assert document["status"] == status
    assert [int(commit["sha"], 16) for commit in document["commits"]] == ahead
    counts = document["ahead_by"], document["total_commits"], document["behind_by"]
    assert counts == (len(ahead), len(ahead), behind)


async def test_a_long_comparison(send: Send, fake: FakeGitHub) -> None:
    """A comparison has the newest 250 commits, or those of a page if the client asks for one."""
    first = fake.add_commit(REPOSITORY)
    shas = [fake.add_commit(REPOSITORY).sha for _ in range(260)]
    target = f"{COMPARE}/{first.sha}...main"
    whole = await send(target)
    assert [one["sha"] for one in whole.json["commits"]] == shas[10:]
    assert whole.json["files"] == []
    assert "Link" not in whole.headers
    page = await send(f"{target}?per_page=100&page=3")
    assert [one["sha"] for one in page.json["commits"]] == shas[200:]
    assert page.json["total_commits"] == 260
    assert "files" not in page.json
    assert 'rel="prev"' in page.headers["Link"]


async def test_forks_share_commits(send: Send, fake: FakeGitHub) -> None:
    """A fork starts with the branches of its parent, and can be compared with it."""
    first = fake.add_commit(REPOSITORY)
    fake.add_run(REPOSITORY, head_repository="mona/octo-docs")
    theirs = fake.add_commit("mona/octo-docs")
    assert theirs.parents == (first.sha,)
    fake.add_commit(REPOSITORY)
    for name in ("mona:main", "mona:octo-docs:main"):
        document = (await send(f"{COMPARE}/main...{name}")).json
        assert document["status"] == "diverged"
        assert document["merge_base_commit"]["sha"] == first.sha
    assert (await send(f"{COMMITS}/{theirs.sha}")).status == 200
    fake.add_commit("other/octo-docs")
    assert (await send(f"{COMPARE}/main...other:main")).status == 404


@pytest.mark.usefixtures("history")
async def test_the_sha_of_a_branch(send: Send) -> None:
    """A client that accepts only the SHA of a commit gets it as text."""
    response = await send(f"{COMMITS}/feature%2Fx", Accept="application/vnd.github.sha")
    assert (response.status, response.body) == (200, sha(5).encode())


@pytest.mark.usefixtures("history")
async def test_changed_files(send: Send) -> None:
    """A commit has its changed files, and a comparison those of the commits that are ahead."""
    document = (await send(f"{COMMITS}/{sha(4)}")).json
    (changed,) = document["files"]
    assert (changed["filename"], document["stats"]["total"]) == ("docs/a b.md", 1)
    assert changed["contents_url"].endswith(f"/contents/docs/a%20b.md?ref={sha(4)}")
    compared = (await send(f"{COMPARE}/{sha(2)}...main")).json
    assert [one["filename"] for one in compared["files"]] == ["docs", "docs/a b.md", "src/main.py"]
    for target in (f"{COMMITS}/{sha(4)}", COMMITS, f"{COMPARE}/{sha(2)}...main"):
        assert "Last-Modified" in (await send(target)).headers


async def test_branches(send: Send, fake: FakeGitHub) -> None:
    """Branches are listed by name, page by page. None is protected."""
    for branch in ("main", "b", "a/x"):
        fake.add_commit(REPOSITORY, branch=branch)
    branches = f"/repos/{REPOSITORY}/branches"
    listed = (await send(branches)).json
    assert [one["name"] for one in listed] == ["a/x", "b", "main"]
    one = (await send(f"{branches}/{listed[0]['name']}")).json
    assert one["commit"]["sha"] == listed[0]["commit"]["sha"]
    assert [one["name"] for one in (await send(f"{branches}?per_page=2&page=2")).json] == ["main"]
    assert (await send(f"{branches}?protected=true")).json == []


async def test_what_is_missing(send: Send, fake: FakeGitHub) -> None:
    """An empty repository, unknown commits and unrelated histories get GitHub's errors."""
    fake.add_repository(REPOSITORY)
    for target in (COMMITS, f"{COMMITS}/main"):
        empty = await send(target)
        assert (empty.status, empty.json["message"]) == (409, "Git Repository is empty.")
    fake.add_commit(REPOSITORY)
    fake.add_commit(REPOSITORY, branch="pages", parents=[])
    assert (await send(f"{COMMITS}?sha=none")).status == 404
    for names in ("main...none", "none...main", "main", "main...main...main", "", "no:main...main"):
        assert (await send(f"{COMPARE}/{names}")).status == 404, names
    unrelated = await send(f"{COMPARE}/main...pages")
    assert unrelated.status == 404
    assert unrelated.json["message"] == "No common ancestor between main and pages."


async def test_a_run_belongs_to_the_newest_commit(send: Send, fake: FakeGitHub) -> None:
    """A run without a given commit belongs to the newest commit of its branch, if it has any."""
    commit = fake.add_commit(REPOSITORY, message="Fix the build\n\nIt was broken.")
    run = fake.add_run(REPOSITORY)
    assert run.head_sha == commit.sha
    document = (await send(f"/repos/{REPOSITORY}/actions/runs/{run.id}")).json
    assert document["display_title"] == "Fix the build"
    assert document["head_commit"]["message"] == commit.message
    assert fake.add_run(REPOSITORY, branch="other").head_sha != commit.sha


def test_mistakes(fake: FakeGitHub) -> None:
    """A commit that cannot exist is refused with a reason."""
    commit = fake.add_commit(REPOSITORY)
    for arguments, reason in (
        ({"sha": commit.sha}, "already exists"),
        ({"sha": "ABC"}, "40 hexadecimal digits"),
        ({"parents": ["0" * 40]}, "add the parent first"),
        ({"committed_at": datetime(2026, 1, 1)}, "time zone"),  # noqa: DTZ001 - the mistake
    ):
        with pytest.raises(ValueError, match=reason):
            fake.add_commit(REPOSITORY, **arguments)
