"""Notifications, wired: command → function, fact → functions."""

from __future__ import annotations

from chassis.service import Setting, Timed, build
from contracts.feedback import (
    AgreementDrafted,
    AgreementSigned,
    FeedbackReleased,
    FeedbackRequested,
    IntroductionAdvanced,
    ReciprocityAssessed,
    SessionCancelled,
    SessionLogged,
    SessionScheduled,
)
from contracts.matching import (
    CohortAdvanced,
    CohortOpened,
    EnrolmentChanged,
    PairAccepted,
    PairActivated,
    PairChanged,
    PairDeclined,
    PairEnded,
    PairProposed,
)
from contracts.notifications import ChangePreferences, MarkRead, Unsubscribe
from contracts.profiles import (
    ContactChanged,
    OrganizationRegistered,
    OrganizationUpdated,
    ProfileErased,
    ProfileUpdated,
)
from services.notifications import handlers, store
from services.notifications.commands import change_preferences, mark_read, unsubscribe
from services.notifications.jobs.delivery import deliver_mail
from services.notifications.jobs.timed import ask_partners, notice_silence, settle_interrupted_mails, write_messages
from services.notifications.store.people import (
    project_cohorts,
    project_contacts,
    project_organizations,
    project_profiles,
)

app = build(
    "notifications",
    commands={
        ChangePreferences: change_preferences,
        Unsubscribe: unsubscribe,
        MarkRead: mark_read,
    },
    handlers={
        ProfileErased: [handlers.forget_person],
        EnrolmentChanged: [handlers.tell_of_place],
        PairProposed: [handlers.follow_pair],
        PairAccepted: [handlers.follow_pair],
        PairDeclined: [handlers.follow_pair],
        PairActivated: [handlers.follow_pair],
        PairChanged: [handlers.follow_pair],
        PairEnded: [handlers.follow_pair],
        AgreementDrafted: [handlers.tell_of_draft],
        AgreementSigned: [handlers.follow_agreement],
        SessionScheduled: [handlers.follow_session],
        SessionCancelled: [handlers.follow_session],
        SessionLogged: [handlers.follow_session],
        FeedbackRequested: [handlers.ask_for_feedback],
        FeedbackReleased: [handlers.announce_feedback],
        IntroductionAdvanced: [handlers.tell_of_introduction],
        ReciprocityAssessed: [handlers.nudge_one_way_pairs],
    },
    projections={
        project_organizations: (OrganizationRegistered, OrganizationUpdated),
        project_profiles: (ProfileUpdated,),
        project_contacts: (ContactChanged,),
        project_cohorts: (CohortOpened, CohortAdvanced),
    },
    timed=[
        Timed("write_messages", every=0.25, run=write_messages),
        Timed("ask_partners", every=1.0, run=ask_partners),
        Timed("notice_silence", every=1.0, run=notice_silence),
        Timed("settle_interrupted_mails", every=5.0, run=settle_interrupted_mails),
    ],
    workers={"mail": deliver_mail},
    settings=(
        Setting("SMTP_URL", hint="the mail server: smtp://host:port, or smtp+starttls://user:password@host:port"),
        Setting(
            "MAIL_FROM",
            hint="the sender of all mail, like: Viceversa <viceversa@your-domain>",
            embedded_default="Viceversa <hello@viceversa.example>",
        ),
        Setting(
            "PUBLIC_URL",
            hint="where people reach the gateway, like https://viceversa.your-domain",
            embedded_default="http://127.0.0.1:8000",
        ),
        Setting("UNSUBSCRIBE_SECRET", hint="the key of unsubscribe links; keep it as long as mails are read"),
    ),
    catalog=store.current_facts,
    linger=0.1,  # nobody waits for a message to the tenth of a second
)
