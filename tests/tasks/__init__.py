"""Tests of worker pools and lifetimes."""
