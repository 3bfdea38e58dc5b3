"""Everything between a method call and GitHub's answer, on a clock that does not wait."""
