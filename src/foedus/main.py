"""The composition root of the command `foedus`."""

from __future__ import annotations


def main() -> None:
    """Entry point of the console script."""
    from foedus.node import process

    process.start()  # before the rest is loaded: what it sets makes loading quicker, and leaves fewer holes in memory
    from foedus.faces.cli.app import app

    app()


if __name__ == "__main__":
    main()
