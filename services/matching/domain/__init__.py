"""The rules of cohorts, enrolments, match runs and pairs: pure functions over frozen states."""
