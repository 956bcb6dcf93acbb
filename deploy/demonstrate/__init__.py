"""The demonstration: one joint cohort, from spreadsheets to two-way learning, and a small one, matched in every other way; through the public GraphQL API alone."""
