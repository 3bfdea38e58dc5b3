"""The fake against what FakeGitHub promises to its users, with nothing but a bare client."""
