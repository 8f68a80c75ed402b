"""`python -m nightbook`: the same as `nightbook`."""

from nightbook.cli import main

if __name__ == "__main__":
    main()
