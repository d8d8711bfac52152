"""How long tests wait for what must come."""

PATIENCE_S = 240.0
"""For a hang, not for slowness: a machine with four times its load is waited for. Shorter than the time-out of any test."""
