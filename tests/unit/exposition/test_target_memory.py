"""What the compiled scanner takes of memory for a target."""

from promscrape.exposition.scanner import TextScanner

LINES = [b'a_total{path="/some/where/%05d"} 1\n' % at for at in range(5000)]


def size_after(scanner: TextScanner, lines: list[bytes]) -> int:
    """Scan a body, forget all but its series, and return what is taken then."""
    columns = scanner.scan(b"".join(lines))
    assert columns.error is None
    scanner.retain(columns.series)
    size: int = scanner.size_bytes  # type: ignore[attr-defined]  # of the compiled twin alone
    return size


def test_the_room_for_series_that_come_and_go_is_kept() -> None:
    """It does not grow and shrink with each scrape: that would leave holes all over the heap."""
    scanner = TextScanner()
    whole = size_after(scanner, LINES)
    sizes = {
        size_after(
            scanner, [*LINES[50:], *(b'new{at="%05d"} 1\n' % at for at in range(start, start + 50))]
        )
        for start in range(0, 1000, 50)
    }
    assert len(sizes) == 1
    assert sizes.pop() < whole * 1.1


def test_much_that_is_gone_leaves_no_room_behind() -> None:
    """The texts are given back with the next change of the body."""
    scanner = TextScanner()
    whole = size_after(scanner, LINES)
    text = sum(map(len, LINES))
    size_after(scanner, LINES[:500])
    assert size_after(scanner, LINES[:499]) < whole - 0.8 * text
