"""The data plane: capture's rows in, the interface's records out, each exactly once. Read `streams/topology.py` first."""
