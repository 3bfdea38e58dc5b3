"""The half of FakeGitHub that answers as the blob store."""
