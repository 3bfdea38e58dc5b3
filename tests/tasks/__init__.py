"""Tests of closing a client while tasks use it."""
