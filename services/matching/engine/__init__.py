"""The matching algorithm: a pure function from a frozen snapshot to a plan.

Knows nothing of contracts, databases or services; ``match.match`` is its only door, ``model`` its only language.
Importing this package loads nothing: numpy and the language model are paid for by the process that computes.
"""
