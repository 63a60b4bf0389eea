"""`python -m hubman` is the same as `hubman`."""

from hubman.cli import main

if __name__ == "__main__":
    main()
