"""Real blob stores for the tests: nginx, Azurite and s3rver, each a child process on loopback."""
