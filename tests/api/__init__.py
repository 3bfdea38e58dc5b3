"""Tests of calls to GitHub's REST API."""
