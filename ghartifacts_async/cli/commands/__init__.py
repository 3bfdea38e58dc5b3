"""The commands: thin layers over the methods of the library."""
