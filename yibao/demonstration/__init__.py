"""The demonstration: a hospital, its capture, all stages and a platform on this machine, and a judgement of what was reported."""
