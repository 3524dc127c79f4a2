"""What a request held against what of it was written."""

from promscrape.storage.remote.outcome import Counts


def test_metadata_does_not_count_as_an_item() -> None:
    """7.4: samples, histograms and exemplars share the limit of a batch, metadata does not."""
    assert Counts(samples=3, histograms=2, exemplars=1, metadata=9).items == 6


def test_a_peer_that_claims_more_than_it_got_leaves_no_shortfall() -> None:
    """5.3: negative differences are ignored, for each kind by itself."""
    sent, written = Counts(samples=5, histograms=1), Counts(samples=3, histograms=4)
    assert sent.less(written) == Counts(samples=2)
