"""Store: one SQLite file that holds every paid answer, every decision and every run's events."""

from .claims import Claims
from .context import Context, row_print
from .database import Call, Store, default_store, home
from .file_lock import FileLock
from .ledger import Ledger
from .members import Membership, Neighbour, membership
from .past_calls import PastCall, newest_calls
from .records import NOT_RECORDED, AskedCall, Expense, calls_about, expenses
from .spending_cap import CapWatch, SpendingCap, cap, cap_of
from .upkeep.cleaning import CleanQuote, clean
from .upkeep.contents import StoreCheck, StoreSize, check, size
from .upkeep.space import make_sure_of_room

__all__ = [
    "NOT_RECORDED",
    "AskedCall",
    "Call",
    "CapWatch",
    "Claims",
    "CleanQuote",
    "Context",
    "Expense",
    "FileLock",
    "Ledger",
    "Membership",
    "Neighbour",
    "PastCall",
    "SpendingCap",
    "Store",
    "StoreCheck",
    "StoreSize",
    "calls_about",
    "cap",
    "cap_of",
    "check",
    "clean",
    "default_store",
    "expenses",
    "home",
    "make_sure_of_room",
    "membership",
    "newest_calls",
    "row_print",
    "size",
]
