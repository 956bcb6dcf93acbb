"""Matching: cohorts and their windows, enrolments and waiting lists, rules, match runs, proposals and pairs.

Owns: cohorts, enrolments, rule sets, match runs, pairs, plans of speed rounds and of groups; blocks between people,
    rankings, vetoes.
Consumes: OrganizationRegistered, OrganizationUpdated, ProfileUpdated, ConsentChanged, ProfileErased, AgreementSigned
Emits: CohortOpened, CohortAdvanced, EnrolmentChanged, MatchingRequested, MatchingProgressed, MatchingCompleted, PairProposed,
    PairAccepted, PairDeclined, PairActivated, PairChanged, PairEnded, RoundPlanned, GroupsPlanned
"""
