"""SkyPortal (Fritz): spectra come in, classifications go out."""
