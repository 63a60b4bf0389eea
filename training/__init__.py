"""Trains the demo model family of hubman from nothing: ``python -m training --out models``.

Every weight in ``models/`` comes from here: a variational autoencoder, a text encoder, two
U-Nets, two LoRAs, one LoHa, two embeddings and one hypernetwork.  The only data are pictures
that :mod:`training.drawing` draws, so nothing of a third party is in them.
"""
