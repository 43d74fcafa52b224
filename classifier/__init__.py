"""SpectraNet: reading, preparing and classifying optical spectra of transients.

Pure Python on NumPy, PyTorch and Astropy; nothing here knows of Django.
"""
