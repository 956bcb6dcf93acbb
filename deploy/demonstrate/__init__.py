"""The demonstration through the public GraphQL API alone: a joint cohort from spreadsheets to two-way learning, then a small one."""
