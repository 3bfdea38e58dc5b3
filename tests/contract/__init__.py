"""What the client promises, kept against FakeGitHub."""
