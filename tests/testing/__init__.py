"""Tests of FakeGitHub with plain HTTP clients instead of the library."""
