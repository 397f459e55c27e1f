"""``python -m star_cli`` is ``star``."""

from star_cli.main import main

main()
