"""`python -m nbflow` is `nbflow`."""

import sys

from nbflow.faces.cli import main

if __name__ == "__main__":
    sys.exit(main())
