"""Tests, in one folder for each package or aspect that they test."""
