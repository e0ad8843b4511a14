"""Sources: rows from files and from other libraries as a DataFrame, and back."""

from .kiln_runs import with_ratings
from .other_frames import frame
from .row_files import csv_rows, files_of, json_rows, write_json_lines

__all__ = ["csv_rows", "files_of", "frame", "json_rows", "with_ratings", "write_json_lines"]
