"""Addresses that may be given to others."""

from __future__ import annotations

from urllib.parse import urlsplit


def address(url: str | None) -> str:
    """An address a person can open, or nothing."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return ""
    return url if url and parts.scheme in ("http", "https") and parts.netloc else ""
