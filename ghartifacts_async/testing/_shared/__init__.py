"""Code that the fake API and the fake blob store share: data, messages, HTTP server and log."""
