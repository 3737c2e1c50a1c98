"""Results as text, Markdown and one HTML page."""
