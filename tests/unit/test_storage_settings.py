"""What the daemon makes of flags and configuration; its life is in the end-to-end tests."""

from promscrape.model.duration import Duration
from promscrape.storage_settings import wal_options
from tests.support.service import flags


def test_the_out_of_order_window_comes_from_the_configuration() -> None:
    """Config 3.1: the one setting of `storage` that an agent heeds, at start alone."""
    assert wal_options(flags(), Duration(1_800_000)).out_of_order_window_ms == 1_800_000
    assert wal_options(flags(), Duration()).out_of_order_window_ms == 0
