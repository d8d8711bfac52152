"""What the verbs of `yibao dlq` do with dead letters."""
