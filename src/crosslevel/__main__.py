"""`python -m crosslevel`."""

import sys

from crosslevel.cli import main

sys.exit(main())
