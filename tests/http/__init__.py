"""Tests of HTTP: redirects, the connection pool, borrowed sessions and stalls."""
