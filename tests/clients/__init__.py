"""Tests of real clients of GitHub's API against FakeGitHub."""
