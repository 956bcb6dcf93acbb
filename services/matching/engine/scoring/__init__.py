"""What two people are worth to each other, and whether they may be a pair: from a snapshot and its near texts to ``Pairs``.

``ground`` freezes a snapshot into the arrays of ``problem``; ``value`` is the documented function, ``aptness`` its table; ``rules``
are data, ``conflicts`` finds those that cannot hold together. ``dense`` and ``indexed`` price all pairs, to the same integers.
``directions``, ``reasons`` and ``sentences`` say why.
"""
