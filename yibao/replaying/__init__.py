"""Plans and runs of `yibao replay` and `yibao ready renormalise`."""
