"""Reports about the limits that make calls wait."""
