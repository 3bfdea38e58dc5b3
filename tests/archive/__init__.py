"""Tests of what happens inside an artifact's zip."""
