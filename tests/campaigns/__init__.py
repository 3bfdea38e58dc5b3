"""Tests that run a slice of the fault, kill and fuzzing campaigns."""
