"""Staff and their desk: accounts and sessions, decisions that are staged, passwords."""
