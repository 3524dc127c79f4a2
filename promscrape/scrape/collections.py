"""Python's search for reference cycles, put off while a very large body is taken in.

A million new series are millions of objects, all of which stay. The search would look through all
of them several times meanwhile, with everything else at a halt for up to a second each time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final


@final
class CollectionPauses:
    """Shared by the loops of a process, of which several may ask for a pause at a time."""

    def __init__(self) -> None:
        self._holders = 0
        self._grew = False

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Put the search off until the last holder has left.

        After `note_growth`, what there is by then is never looked through again; it is still freed
        once nobody refers to it.
        """
        self._holders += 1
        gc.disable()
        try:
            yield
        finally:
            self._holders -= 1
            if not self._holders:
                if self._grew:
                    gc.freeze()
                self._grew = False
                gc.enable()

    def note_growth(self) -> None:
        """Say that many objects were made which will stay."""
        self._grew = True
