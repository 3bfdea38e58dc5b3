"""The house: its structure, its face, its papers."""
