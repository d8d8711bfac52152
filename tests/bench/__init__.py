"""What the path costs: measured, in one run, against the sum of what it cannot avoid. `python -m tests.bench`."""
