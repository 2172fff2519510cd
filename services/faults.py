"""What keeps Lanyard from starting on a machine."""


class CannotStart(Exception):
    """Said to the person at the terminal as it is: what is wrong, where, and what to do about it."""
