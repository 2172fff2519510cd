"""Staff and their desk: accounts and sessions, passwords, providers, and finding people."""
