"""What things cost, counted: the same on any machine."""
