"""What the tests of the HTTP client share: one certificate authority, and one that is not it."""

import pytest
import trustme

from promscrape.httpclient.lease import HAS_EXCHANGES

# The plain core has no thread that makes requests.
collect_ignore = [] if HAS_EXCHANGES else ["test_lease.py"]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def other_authority() -> trustme.CA:
    return trustme.CA()
