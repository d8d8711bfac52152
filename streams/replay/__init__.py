"""Replay: dead letters that are tried again, as a plan that is looked at before anything is sent."""
