"""The fake blob store, one of the two origins of `FakeGitHub`."""
