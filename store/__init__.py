"""The corpus side: files to entries, chunks, vectors and a lexical index.

Imports nothing from ``assistant`` or ``evals``.
"""
