"""Store: one SQLite file that holds every paid answer, every decision and every run's events."""

from .cleaning import CleanQuote, clean
from .context import Context, row_print
from .database import Call, Store, default_store, home
from .file_lock import FileLock
from .records import NOT_RECORDED, AskedCall, Expense, calls_about, expenses

__all__ = [
    "NOT_RECORDED",
    "AskedCall",
    "Call",
    "CleanQuote",
    "Context",
    "Expense",
    "FileLock",
    "Store",
    "calls_about",
    "clean",
    "default_store",
    "expenses",
    "home",
    "row_print",
]
