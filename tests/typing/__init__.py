"""What a type checker sees."""
