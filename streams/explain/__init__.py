"""What became of a visit, a settlement or a fee line: read from the topics by whoever asks, without a worker."""
