"""The pure floor: decisions, values and errors, without a network, a clock or a disk."""
