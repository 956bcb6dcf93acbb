"""Timed work, and the delivery of mail."""
