"""Facts, commands and private reads of the feedback service, by what they are about.

What people write about each other stays with the owner and is answered by private reads; facts carry only that it happened.
"""

from contracts.base import Command, Event, Query
from contracts.feedback import agreements, introductions, pulses, reciprocity, sessions
from contracts.feedback.agreements import (
    AddTopic as AddTopic,
    Agenda as Agenda,
    AgendaChanged as AgendaChanged,
    Agreement as Agreement,
    AgreementDrafted as AgreementDrafted,
    AgreementSigned as AgreementSigned,
    ChangeAgreement as ChangeAgreement,
    DecideTopic as DecideTopic,
    Goal as Goal,
    PlannedMeeting as PlannedMeeting,
    SignAgreement as SignAgreement,
    TopicItem as TopicItem,
    TopicItemStatus as TopicItemStatus,
)
from contracts.feedback.introductions import (
    AnswerIntroduction as AnswerIntroduction,
    CloseIntroduction as CloseIntroduction,
    Introduction as Introduction,
    IntroductionAdvanced as IntroductionAdvanced,
    IntroductionStatus as IntroductionStatus,
    MakeIntroduction as MakeIntroduction,
    OfferIntroduction as OfferIntroduction,
)
from contracts.feedback.pulses import (
    Feedback as Feedback,
    FeedbackKind as FeedbackKind,
    FeedbackReleased as FeedbackReleased,
    FeedbackRequested as FeedbackRequested,
    FeedbackStatus as FeedbackStatus,
    FeedbackSubmitted as FeedbackSubmitted,
    FeedbackText as FeedbackText,
    ReadFeedback as ReadFeedback,
    SubmitFeedback as SubmitFeedback,
)
from contracts.feedback.reciprocity import (
    PersonTally as PersonTally,
    Reciprocity as Reciprocity,
    ReciprocityAssessed as ReciprocityAssessed,
)
from contracts.feedback.sessions import (
    AppealNoShow as AppealNoShow,
    CancelSession as CancelSession,
    ConfirmSession as ConfirmSession,
    LogSession as LogSession,
    ReadSessionLogs as ReadSessionLogs,
    ReportNoShow as ReportNoShow,
    RescheduleSession as RescheduleSession,
    ScheduleSession as ScheduleSession,
    Session as Session,
    SessionCancelled as SessionCancelled,
    SessionLog as SessionLog,
    SessionLogged as SessionLogged,
    SessionLogText as SessionLogText,
    SessionLogTexts as SessionLogTexts,
    SessionScheduled as SessionScheduled,
    SessionStatus as SessionStatus,
)
from contracts.feedback.topic import TOPIC as TOPIC

FACTS: tuple[type[Event], ...] = (
    *agreements.FACTS,
    *sessions.FACTS,
    *pulses.FACTS,
    *introductions.FACTS,
    *reciprocity.FACTS,
)
COMMANDS: tuple[type[Command], ...] = (
    *agreements.COMMANDS,
    *sessions.COMMANDS,
    *pulses.COMMANDS,
    *introductions.COMMANDS,
)
QUERIES: tuple[type[Query], ...] = (
    *sessions.QUERIES,
    *pulses.QUERIES,
)
