"""HTTP requests, streamed bodies and redirects; no other package imports the aiohttp client."""
