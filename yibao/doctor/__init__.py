"""Everything that a site depends on, looked at by one command: each part asks for facts, and judges them by pure functions."""
