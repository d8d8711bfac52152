"""A site's mapping at work on a few rows that somebody wrote down, without brokers and without a database."""
