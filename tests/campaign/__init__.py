"""A slice of the campaigns: random faults, and kills."""
