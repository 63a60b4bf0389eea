"""Measurements as ratios against a named floor in the same run, never as absolute times: machines are noisy."""
