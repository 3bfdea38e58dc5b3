"""Tests that no secret appears in anything that is raised, logged or printed."""
