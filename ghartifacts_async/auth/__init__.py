"""Authentication: the sources of the tokens that calls are made with."""

from ghartifacts_async.auth.app import GitHubApp
from ghartifacts_async.auth.tokens import Anonymous, Auth, Token, TokenProvider

__all__ = ["Anonymous", "Auth", "GitHubApp", "Token", "TokenProvider"]
