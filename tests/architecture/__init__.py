"""Tests of the structure, the public names, the README and the project's files."""
