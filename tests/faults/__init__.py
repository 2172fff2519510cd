"""Faults on purpose, in the manner of Jepsen: a load, a nemesis, and a checker of what was promised.

`load` asks and notes what it was told; `nemesis` breaks parts of the stack that `running` has put together; `checker`
compares the history with what lies in databases, topics, trays and mailboxes. `process` is how a service is run here: as
in production, with fault `points` and, where asked for, one of the `mutations`.
"""
