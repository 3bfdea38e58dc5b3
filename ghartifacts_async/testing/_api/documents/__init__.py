"""The JSON by which the API represents runs, repositories, users and apps.

The URLs in a document start with the URL under which the client called the API.
"""
