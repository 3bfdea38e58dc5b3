"""HTTP requests, streamed bodies and redirects: the only package that uses aiohttp's client."""
