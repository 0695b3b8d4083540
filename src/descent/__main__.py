"""The command line: `descent ARGUMENTS`, or `python -m descent ARGUMENTS`."""

from experiments.commands.entry import run as main

__all__ = ["main"]

if __name__ == "__main__":
    main()
