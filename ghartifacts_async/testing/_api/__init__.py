"""The fake REST API, one of the two origins of `FakeGitHub`."""
