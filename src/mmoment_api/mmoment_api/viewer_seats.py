"""How many people may look at once, by whichever way the pictures reach them."""

from __future__ import annotations


class TooManyViewers(Exception):
    """There is no room for one more viewer."""


class ViewerSeats:
    """Seats that all live views share; belongs to the event loop's thread."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self.taken = 0

    def take(self) -> None:
        """Take a seat; raises `TooManyViewers`."""
        if self.taken >= self._at_most:
            raise TooManyViewers
        self.taken += 1

    def give_back(self) -> None:
        """Give a seat back that was taken."""
        self.taken -= 1
