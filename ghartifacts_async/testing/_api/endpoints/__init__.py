"""The endpoints of the fake API, one module for each resource."""
