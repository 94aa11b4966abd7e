"""What a match adds to a paper's score; ``docs/profiles.md`` states the formula for admins.

A score is a sum of points. A keyword found ``n`` times in a field adds ``weight × field factor × repeats(n)`` there.
"""

from __future__ import annotations

import numpy as np

from newsletter.model import Field

FIELD_FACTORS = {Field.TITLE: 3.0, Field.ABSTRACT: 1.0, Field.COMMENT: 1.0, Field.AUTHORS: 3.0}
JOURNAL_FACTOR = 1.0
AUTHOR_POINTS = 3.0  # for each followed author
PLAIN_POINTS = 1.0  # for a paper that a profile without topics takes, or a query without words to count
_COUNTED = 16  # repeats beyond this add less than floating point tells


def repeats(count: int) -> float:
    """Return 1 for one occurrence and half as much again for each further one, so never 2: 1, 1.5, 1.75 and so on."""
    return 2.0 - 0.5 ** (min(count, _COUNTED) - 1)


REPEATS = np.array([0.0, *(repeats(count) for count in range(1, _COUNTED + 1))])
# What ``repeats`` returns by count; for whole arrays of counts no larger than its last index.
