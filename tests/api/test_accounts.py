"""Rate limits belong to an account: a token provider that switches accounts need not wait."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define

from ghartifacts_async.testing import FakeLimits, Fault
from tests.api.support import World, now, open_world
from tests.clock import fast


@define
class Accounts:
    """A token provider with two accounts, of which the test chooses the current one.

    Attributes:
        world: The server and the client.
        tokens: The token of each account.
        current: Index of the current account.
        calls: Number of times that the provider was called.
    """

    world: World
    tokens: tuple[str, str]
    current: int = 0
    calls: int = 0

    async def get(self, times: int = 1) -> None:
        """Get the artifact several times at once."""
        repo = self.world.repo
        await asyncio.gather(*(repo.get_artifact(self.world.artifact) for _ in range(times)))

    @property
    def remaining(self) -> int:
        """The calls that GitHub last reported as left."""
        known = self.world.gh.rate_limit
        assert known is not None
        return known.remaining


@asynccontextmanager
async def open_accounts(limits: FakeLimits) -> AsyncIterator[Accounts]:
    """Open a client whose token provider switches between two accounts."""
    accounts: Accounts | None = None

    async def provide() -> str:
        assert accounts is not None
        accounts.calls += 1
        return accounts.tokens[accounts.current]

    async with open_world(auth=provide, fake={"limits": limits}, conditional=False) as world:
        tokens = (world.fake.add_token(login="first"), world.fake.add_token(login="second"))
        accounts = Accounts(world, tokens)
        yield accounts
        assert world.fake.wait_violations == 0


@fast
async def test_another_account_does_not_wait_for_a_reset() -> None:
    """When the limit of one account is used up, calls of another account are sent at once."""
    async with open_accounts(FakeLimits(primary=3)) as accounts:
        await accounts.get(3)
        assert accounts.remaining == 0
        accounts.current = 1
        await accounts.get(2)
        assert accounts.remaining == 1
        assert now() < 1
        accounts.current = 0
        await accounts.get()
        assert now() > 3000


@fast
async def test_another_account_does_not_wait_after_a_refusal() -> None:
    """After a refusal, a retry with the token of another account is made within two seconds."""
    async with open_accounts(FakeLimits()) as accounts:
        accounts.world.fake.fail_next(Fault.secondary_limit(600))
        asyncio.get_running_loop().call_later(0.5, setattr, accounts, "current", 1)
        await accounts.get()
        assert now() < 2.5


@fast
async def test_waiting_calls_move_to_another_account() -> None:
    """All calls that wait for one account are sent soon after the provider switches accounts."""
    async with open_accounts(FakeLimits(primary=40)) as accounts:
        await accounts.get(38)
        tasks = asyncio.ensure_future(accounts.get(30))
        await asyncio.sleep(100)
        assert not tasks.done()
        assert accounts.calls < 68 + 30 + 100 / 2 + 2
        accounts.current = 1
        await tasks
        assert now() < 110


@fast
async def test_calls_of_the_provider_during_a_long_wait() -> None:
    """While calls wait an hour for the limit, the provider is called less and less often."""
    async with open_accounts(FakeLimits(primary=3)) as accounts:
        await accounts.get(3)
        before = accounts.calls
        waiting = asyncio.ensure_future(accounts.get(3))
        await asyncio.sleep(120)
        first = accounts.calls - before
        assert 25 <= first <= 60
        await asyncio.sleep(3300)
        assert accounts.calls - before - first <= 120
        await waiting
        assert now() < 3700


@fast
async def test_accounts_in_turn() -> None:
    """A provider that alternates between accounts uses both limits before any call waits."""
    numbers = itertools.count()
    tokens: list[str] = []

    async def provide() -> str:
        return tokens[next(numbers) % 2]

    async with open_world(
        auth=provide, fake={"limits": FakeLimits(primary=10)}, conditional=False
    ) as world:
        tokens += [world.fake.add_token(login=login) for login in ("first", "second")]
        for _ in range(20):
            await world.repo.get_artifact(world.artifact)
        assert now() < 60
        assert world.fake.wait_violations == 0


@fast
async def test_very_many_tokens() -> None:
    """A provider of very many tokens does not make the client remember all of them."""
    async with open_accounts(FakeLimits()) as accounts:
        fake = accounts.world.fake
        for number in range(150):
            accounts.tokens = (fake.add_token(login=f"bot-{number}"), "")
            await accounts.get()
        assert accounts.remaining == 5000 - 1
