"""What there is to be tested depends on the core that runs."""

from promscrape.httpclient.lease import HAS_EXCHANGES

# The plain core has no thread that makes requests.
collect_ignore = [] if HAS_EXCHANGES else ["test_ahead.py"]
