"""Groups of several people around a topic: who could lead what for whom, the best group at given prices, and a whole plan.

``circles`` turns a problem into arrays; ``search`` finds the best group of all possible ones, exactly; ``packing`` chooses disjoint
groups by column generation, with a bound over all groups that ``certificate`` proves; ``telling`` explains them. ``verify`` and
``settle`` check a plan and know nothing of ``search`` and ``packing``. The value of a group is in ``circles``.
"""
