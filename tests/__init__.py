"""Tests, with one folder per package or aspect under test."""
