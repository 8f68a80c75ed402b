"""What keeps a process or command from starting on this machine."""


class CannotStart(Exception):
    """A process cannot start here; the message is one sentence or two and says what to do."""
