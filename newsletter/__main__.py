"""``newsletter``, and ``python -m newsletter``, which is the same."""

from newsletter.loading import loading

with loading():
    from newsletter.cli.app import main

if __name__ == "__main__":
    main()
