"""Tests of the package's structure, its public names, the README and the project's files."""
