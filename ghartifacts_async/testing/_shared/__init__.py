"""What the API and the blob store of the fake share: messages, the socket, the data and the log."""
