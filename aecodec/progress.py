"""How long work tells whoever waits for it."""

from collections.abc import Callable

OnProgress = Callable[[int, int], None]
"""Called on the way with how many steps are done, or have begun, and how many there are."""
