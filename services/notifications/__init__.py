"""Tells people what concerns them, once, in their language, when they are awake; and notices silence.

Owns: messages (the inbox), mails and their delivery, preferences, calendar invitations, nudges, e-mail addresses as a projection.
Consumes: OrganizationRegistered, OrganizationUpdated, ProfileUpdated, ContactChanged, ProfileErased, CohortOpened, CohortAdvanced,
    EnrolmentChanged, PairProposed, PairAccepted, PairDeclined, PairActivated, PairChanged, PairEnded, AgreementDrafted,
    AgreementSigned, SessionScheduled, SessionCancelled, SessionLogged, FeedbackRequested, FeedbackReleased, IntroductionAdvanced,
    ReciprocityAssessed
Emits: NotificationDelivered, NotificationFailed, PreferencesChanged
"""
