"""Files to records: opening, sniffing and one module per format."""

from store.parse.base import Parsed, Parser
from store.parse.fields import FieldMap
from store.parse.formats import FORMATS
from store.parse.reader import Reading, find_files, open_source, parse_file

__all__ = ["FORMATS", "FieldMap", "Parsed", "Parser", "Reading", "find_files", "open_source", "parse_file"]
