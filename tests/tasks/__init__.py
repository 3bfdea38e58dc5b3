"""Tests of worker pools, lifetimes and waiting."""
