"""Files to records: opening, sniffing and one module per format."""

from store.parse.base import Parsed, Parser
from store.parse.reader import find_files, open_source, parse_file

__all__ = ["Parsed", "Parser", "find_files", "open_source", "parse_file"]
