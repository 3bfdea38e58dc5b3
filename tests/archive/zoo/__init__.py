"""Archives that other programs made."""
