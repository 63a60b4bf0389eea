"""Numbers out of adapter weights: a sketch that proposes pairs, and the exact comparison that decides.

The only package beside the renderers that knows numpy. Nothing here runs or imports what a file names; tensors are
read by plain reads at offsets that have been checked.
"""
