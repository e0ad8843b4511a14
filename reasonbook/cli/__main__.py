"""Command line as a module: ``python -m reasonbook.cli``, where the script is not on the path."""

import sys

from .commands import main

if __name__ == "__main__":
    sys.exit(main())
