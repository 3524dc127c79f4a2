"""`python -m promscrape`."""

import sys

from promscrape.cli import main

sys.exit(main())
