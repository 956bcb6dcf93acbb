"""The four services; each owns its data and speaks to the others through facts only."""
