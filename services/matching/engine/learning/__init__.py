"""What released feedback changes: chances corrected by what people reported, if there is enough of it, and only if it helps.

Pure functions over numbers. Nothing here knows a person, a facet or a text: see ``reports.SEEN``.
"""
