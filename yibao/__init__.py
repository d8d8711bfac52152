"""The command line `yibao`: one file per verb group, thin over `connector` and `streams`."""
