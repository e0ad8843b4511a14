"""Store: one SQLite file that holds every paid answer, every decision and every run's events."""

from .context import Context, row_print
from .database import Call, Store, default_store, home
from .file_lock import FileLock
from .records import NOT_RECORDED, AskedCall, Expense, calls_about, expenses
from .upkeep.cleaning import CleanQuote, clean
from .upkeep.contents import StoreCheck, StoreSize, check, size
from .upkeep.space import make_sure_of_room

__all__ = [
    "NOT_RECORDED",
    "AskedCall",
    "Call",
    "CleanQuote",
    "Context",
    "Expense",
    "FileLock",
    "Store",
    "StoreCheck",
    "StoreSize",
    "calls_about",
    "check",
    "clean",
    "default_store",
    "expenses",
    "home",
    "make_sure_of_room",
    "row_print",
    "size",
]
