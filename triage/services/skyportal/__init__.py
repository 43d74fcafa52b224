"""SkyPortal (Fritz): spectra are imported, and classifications are posted."""
