"""Newsletter: reads the day's new research papers and mails each subscriber the ones they care about."""

from importlib.metadata import version

__version__ = version("newsletter")
