"""The commands of ``python -m classifier``, one a module: ``add_arguments(parser)`` and ``run(options)``."""
