"""Extraction of many artifacts."""
