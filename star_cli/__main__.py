"""Where ``star`` and ``python -m star_cli`` begin: an interrupt ends them in one line from the first import on."""

import sys


def main() -> None:
    """Load the command and run it."""
    try:
        from star_cli.main import main as run

        run()
    except KeyboardInterrupt:  # while it loads; `star_cli.main` ends a command that runs
        sys.stderr.write("interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
