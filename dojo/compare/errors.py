"""What a comparison cannot do."""

from dojo.errors import DojoError


class CompareError(DojoError):
    """The comparison cannot go on; the message says what to do."""
