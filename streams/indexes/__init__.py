"""Indexes in SQLite that are kept from a topic: they hold nothing that the topic does not, and are made anew at any time."""
