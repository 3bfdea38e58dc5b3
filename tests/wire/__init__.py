"""Tests of requests on the wire, with aioresponses."""
