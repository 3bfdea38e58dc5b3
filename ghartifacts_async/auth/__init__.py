"""Authentication: tokens, functions that provide them, and GitHub Apps.

Listing the artifacts of a public repository works without a token (`Anonymous`); downloading them
requires one. These tokens work:

- a classic personal access token with the scope ``repo``
- a fine-grained token with the permission *Actions: read*, or *write* to delete artifacts
- the ``GITHUB_TOKEN`` of a workflow with ``permissions: {actions: read}``
- the installation token of a GitHub App with the permission *Actions*

`Client.from_env` finds the token by the rules of the GitHub CLI, and sends it only to the kind of
server that the variable names. You can also pass the token as text, or an async function that
returns it. The function is called before every attempt, so it should cache its token:

```python
import os

from ghartifacts_async import Client


async def current_token() -> str:
    return os.environ["GH_TOKEN"]  # or from the place where you keep secrets


async with Client(current_token, base_url=base_url) as gh:
    print(await gh.repo("octo-org/octo-docs").list_artifacts().first())
```

## GitHub Apps

`GitHubApp` (extra ``app``) creates an installation token when it is first needed, shares it among
all tasks and renews it before it expires. Pass the id of the installation, or one of its
repositories:

```python
from ghartifacts_async import Client, GitHubApp

app = GitHubApp(app_id, private_key, repository="octo-org/octo-docs")
async with Client(app, base_url=base_url) as gh:
    print(await gh.repo("octo-org/octo-docs").list_artifacts().first())
```

A service for many installations passes neither. Each installation gets a client with its own token
and rate limits. These clients share their connections and are closed together:

```python
from ghartifacts_async import Client, GitHubApp

app = GitHubApp(app_id, private_key, permissions={"actions": "read"})
async with Client(app, base_url=base_url) as service:
    gh = service.for_installation(installation_id)  # such as webhooks.Event.installation_id
    print(await gh.repo("octo-org/octo-docs").list_artifacts().first())
```

``Client.from_env(app)`` takes the server from the environment, but not the token.

A token is sent to the API's origin only: not to blob stores, and not to the targets of redirects.
No error, log record, `repr` or pickle contains one.
"""

from ghartifacts_async.auth.app import GitHubApp
from ghartifacts_async.auth.tokens import Anonymous, Auth, Token, TokenProvider

__all__ = ["Anonymous", "Auth", "GitHubApp", "Token", "TokenProvider"]
