"""The ``star`` command: parse arguments, call the library, print. Nothing else."""
