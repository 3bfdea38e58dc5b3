"""What `python -m ghartifacts_async.testing` needs beside the server."""
