"""SpectraNet: read, prepare and classify optical spectra of transients.

The package needs NumPy, PyTorch and Astropy. It does not import Django.
"""

# The version of the whole project: pyproject.toml, the API's schema and the pages read it here.
__version__ = "0.1.0"
