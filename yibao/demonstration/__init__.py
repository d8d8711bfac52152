"""The demonstration: a hospital, its capture, both stages and a platform on this machine, and a judgement of what was reported."""
