"""What there is to be tested depends on the core that runs."""

from promscrape.twins import COMPILED

# The plain scanner has no memory of its own.
collect_ignore = [] if COMPILED else ["test_target_memory.py"]
