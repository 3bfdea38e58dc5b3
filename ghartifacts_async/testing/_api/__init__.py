"""The half of FakeGitHub that answers as GitHub's REST API."""
