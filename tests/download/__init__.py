"""Tests of downloads and streams of one artifact."""
