"""The store over HTTP: an OpenAI-compatible endpoint and MCP, on this machine unless told otherwise."""
