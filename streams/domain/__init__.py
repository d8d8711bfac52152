"""The pure core: values in, values out. No clock, no randomness, no environment, no logging, no network."""
