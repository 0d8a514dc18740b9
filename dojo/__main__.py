"""`python -m dojo`."""

import sys

# Processes that multiprocessing starts import this file again, under another name.
if __name__ == "__main__":
    from dojo.cli import main

    sys.exit(main())
