"""Matching: cohorts and their windows, enrolments and waiting lists, rules, match runs, proposals, pairs, and learning from them.

Owns: cohorts, enrolments, rule sets, match runs, pairs, plans of speed rounds and of groups; blocks between people,
    rankings, vetoes; what feedback teaches.
Consumes: OrganizationRegistered, OrganizationUpdated, ProfileUpdated, ConsentChanged, ProfileErased, AgreementSigned,
    FeedbackReleased
Emits: CohortOpened, CohortAdvanced, EnrolmentChanged, MatchingRequested, MatchingProgressed, MatchingCompleted, PairProposed,
    PairAccepted, PairDeclined, PairActivated, PairChanged, PairEnded, RoundPlanned, GroupsPlanned, CalibrationChanged
"""
