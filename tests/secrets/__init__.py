"""Tests that no secret appears in errors, logs or output."""
