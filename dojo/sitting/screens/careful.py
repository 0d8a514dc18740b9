"""What Ctrl-C does on a screen."""


class Careful:
    """A screen that asks, or puts things in order, before it is left."""

    def action_leave(self) -> object:
        raise NotImplementedError
