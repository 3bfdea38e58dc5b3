"""What the fake API and the fake blob store share: data, messages, the HTTP server, the log."""
