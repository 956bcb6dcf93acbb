"""The feedback service, wired."""

from __future__ import annotations

from chassis.service import Timed, build
from contracts.feedback import (
    AddTopic,
    AnswerIntroduction,
    AppealNoShow,
    CancelSession,
    ChangeAgreement,
    CloseIntroduction,
    ConfirmSession,
    DecideTopic,
    LogSession,
    MakeIntroduction,
    OfferIntroduction,
    ReadFeedback,
    ReadSessionLogs,
    ReportNoShow,
    RescheduleSession,
    ScheduleSession,
    SignAgreement,
    SubmitFeedback,
)
from contracts.matching import (
    CohortAdvanced,
    CohortOpened,
    PairAccepted,
    PairActivated,
    PairChanged,
    PairDeclined,
    PairEnded,
)
from contracts.profiles import ProfileErased, ProfileUpdated
from services.feedback.commands.agreements import add_topic, change_agreement, decide_topic, sign_agreement
from services.feedback.commands.feedback import submit_feedback
from services.feedback.commands.introductions import (
    answer_introduction,
    close_introduction,
    make_introduction,
    offer_introduction,
)
from services.feedback.commands.sessions import (
    appeal_no_show,
    cancel_session,
    confirm_session,
    log_session,
    report_no_show,
    reschedule_session,
    schedule_session,
)
from services.feedback.handlers import erase_person, follow_cohort, follow_pair, know_people
from services.feedback.jobs import release_feedback, settle_sessions
from services.feedback.reads import read_feedback, read_session_logs
from services.feedback.store import current_facts

app = build(
    "feedback",
    commands={
        ChangeAgreement: change_agreement,
        SignAgreement: sign_agreement,
        AddTopic: add_topic,
        DecideTopic: decide_topic,
        ScheduleSession: schedule_session,
        ConfirmSession: confirm_session,
        RescheduleSession: reschedule_session,
        CancelSession: cancel_session,
        LogSession: log_session,
        ReportNoShow: report_no_show,
        AppealNoShow: appeal_no_show,
        SubmitFeedback: submit_feedback,
        OfferIntroduction: offer_introduction,
        AnswerIntroduction: answer_introduction,
        MakeIntroduction: make_introduction,
        CloseIntroduction: close_introduction,
    },
    queries={
        ReadFeedback: read_feedback,
        ReadSessionLogs: read_session_logs,
    },
    handlers={
        CohortOpened: [follow_cohort],
        CohortAdvanced: [follow_cohort],
        PairAccepted: [follow_pair],
        PairDeclined: [follow_pair],
        PairActivated: [follow_pair],
        PairChanged: [follow_pair],
        PairEnded: [follow_pair],
        ProfileErased: [erase_person],
    },
    projections={know_people: (ProfileUpdated,)},
    timed=[
        Timed("settle_sessions", every=1.0, run=settle_sessions),
        Timed("release_feedback", every=1.0, run=release_feedback),
    ],
    catalog=current_facts,
)
