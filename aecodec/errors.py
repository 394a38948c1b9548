"""The errors that leave this library: AecodecError and its children, and no others.

AecodecError        also raised itself: a setting out of range, a file that cannot be read
|-- ImageError      on the photo's side
|-- FormatError     on the .aec side
`-- ModelError      on the weights' side
"""

from collections.abc import Iterator
from contextlib import contextmanager


class AecodecError(Exception):
    """Anything that aecodec refuses or cannot do; its text is one line for people."""


class ImageError(AecodecError):
    """A photo cannot be read, coded as it is, or written in the format asked for."""


class FormatError(AecodecError):
    """Bytes that break a rule of formats/SPEC.md; the text names the rule."""


class ModelError(AecodecError):
    """A model is not installed, or its weights file is not what it says."""


def shown(value: object) -> str:
    """A wrong value as a message tells of it, in one line."""
    return repr(value) if isinstance(value, str | int | float) else type(value).__name__


@contextmanager
def memory_errors(doing: str) -> Iterator[None]:
    """PyTorch tells of too little memory by RuntimeError: make it an AecodecError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise AecodecError(f"not enough memory to {doing}") from error
