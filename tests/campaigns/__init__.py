"""Tests that run a small part of each campaign of `benchmarks.campaigns`."""
