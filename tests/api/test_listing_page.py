"""A page of a listing is decoded together with whether another page follows."""

from __future__ import annotations

import pytest

from ghartifacts_async._api import endpoints
from tests.values import OPENAPI, REPOSITORY, make_response


@pytest.mark.parametrize(("total", "more"), [(1, False), (3, True)])
def test_read_listing_page(total: int, more: bool) -> None:
    """Without a `Link` header, the total count says whether another page follows."""
    artifacts = OPENAPI["examples"]["artifact-paginated"]["artifacts"][:1]
    call = endpoints.list_repository_artifacts(REPOSITORY, name=None, per_page=1)
    body = {"total_count": total, "artifacts": artifacts}
    page = endpoints.read_listing_page(call, make_response(body=body))
    assert len(page.page.items) == 1
    assert page.has_more is more
