"""Parsing webhook deliveries, and sending them from the fake."""
