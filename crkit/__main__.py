"""``python -m crkit`` is the ``crkit`` command."""

import sys

from crkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
