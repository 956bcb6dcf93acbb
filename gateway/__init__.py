"""The gateway: what clients see of the platform.

Owns: nothing of its own; one read model built from the facts of all owners, and the GraphQL schema.
Consumes: AgendaChanged, AgreementDrafted, AgreementSigned, CalibrationChanged, CohortAdvanced, CohortOpened, ConsentChanged,
    ContactChanged, EnrolmentChanged, FeedbackReleased, FeedbackRequested, FeedbackSubmitted, GroupsPlanned, IntroductionAdvanced,
    MatchingCompleted,
    MatchingProgressed, MatchingRequested, NotificationDelivered, NotificationFailed, OrganizationRegistered,
    OrganizationUpdated, PairAccepted, PairActivated, PairChanged, PairDeclined, PairEnded, PairProposed, PreferencesChanged,
    ProfileErased, ProfileUpdated, ReciprocityAssessed, RoundPlanned, SessionCancelled, SessionLogged, SessionScheduled
Emits: nothing
"""
