"""The captures of a site's databases: Connect, slots, watches, reading again."""
