"""What goes over the wire, with aioresponses."""
