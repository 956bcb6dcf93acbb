"""The demonstration: one joint cohort, from spreadsheets to two-way learning, through the public GraphQL API alone."""
