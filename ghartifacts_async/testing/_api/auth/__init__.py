"""Authentication: who sends an API request, and what the sender may access."""
