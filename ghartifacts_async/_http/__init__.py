"""HTTP: requests, response bodies, redirects, and the only importer of aiohttp's client."""
