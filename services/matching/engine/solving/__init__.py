"""Who is paired with whom, as arrays: b-matching in a general graph with bounds over every possible pair.

This room knows no people, rules or texts: only numbers 0 to n − 1, places, and values in whole millionths.
"""
