"""The feedback service: what two people agree on, what they plan, what they teach and learn, what they say to each other.

Owns: agreements, agendas, sessions and their logs, pulses and reviews, introductions, reciprocity
Consumes: CohortOpened, CohortAdvanced, PairAccepted, PairDeclined, PairActivated, PairChanged, PairEnded, ProfileUpdated,
    ProfileErased
Emits: AgreementDrafted, AgreementSigned, AgendaChanged, SessionScheduled, SessionCancelled, SessionLogged, FeedbackRequested,
    FeedbackSubmitted, FeedbackReleased, IntroductionAdvanced, ReciprocityAssessed
"""
