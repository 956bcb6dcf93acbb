"""Timed work, and the worker that computes match runs in a process of their own."""
