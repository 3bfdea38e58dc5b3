"""Tests of the command line in a subprocess."""
