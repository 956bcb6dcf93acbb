"""Everything that Viceversa's deployables say to each other: facts, commands, private reads, refusals.

Frozen dataclasses without I/O. A rule for every change: only add, with a default; what must be required is a new version
(a new class with a new wire name). Every golden example in ``contracts/examples`` must decode for ever.
"""
