"""A library of named spectra: what an unknown spectrum looks like, how old it is, and which subtype that suggests.

Nothing of a library trains or calibrates the network.
"""
