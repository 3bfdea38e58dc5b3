"""Tests of FakeGitHub with a bare client."""
