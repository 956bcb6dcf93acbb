"""The matching service, wired."""

from __future__ import annotations

from chassis.service import Setting, Timed, build
from contracts.feedback import AgreementSigned, FeedbackReleased
from contracts.matching import (
    AcceptPair,
    AcceptPartnership,
    AdoptRun,
    AdvanceCohort,
    AnswerQuestion,
    AskQuestion,
    BlockPerson,
    CancelMatching,
    ChangeCapacity,
    ChangeRules,
    ChangeSeats,
    CheckRules,
    CompareRuns,
    DeclinePair,
    DraftCohort,
    EndPair,
    Enrol,
    ExplainWhyNot,
    HoldPair,
    InvitePeople,
    ListVetoes,
    PauseEnrolment,
    PinPair,
    PlanGroups,
    PlanRounds,
    PublishGroups,
    PublishProposals,
    RankPeople,
    ReadPassedOver,
    ReadRankings,
    ReadRunProof,
    RefitCalibration,
    RemoveEnrolment,
    ReplanRounds,
    RequestMatching,
    ResumeEnrolment,
    ResumePair,
    ShareFeedback,
    SimulateMatching,
    SuggestPartners,
    UseCalibration,
    VetoPair,
    WithdrawEnrolment,
    WithdrawVeto,
)
from contracts.profiles import (
    ConsentChanged,
    OrganizationRegistered,
    OrganizationUpdated,
    ProfileErased,
    ProfileUpdated,
)
from services.matching.commands.choices import rank_people, veto_pair, withdraw_veto
from services.matching.commands.cohorts import (
    accept_partnership,
    advance_cohort,
    change_capacity,
    change_rules,
    change_seats,
    draft_cohort,
)
from services.matching.commands.enrolments import (
    block_person,
    enrol,
    invite_people,
    pause_enrolment,
    remove_enrolment,
    resume_enrolment,
    withdraw_enrolment,
)
from services.matching.commands.groups import plan_groups, publish_groups
from services.matching.commands.learning import refit_calibration, share_feedback, use_calibration
from services.matching.commands.pairs import (
    accept_pair,
    answer_question,
    ask_question,
    decline_pair,
    end_pair,
    hold_pair,
    resume_pair,
)
from services.matching.commands.rounds import plan_rounds, replan_rounds
from services.matching.commands.runs import cancel_matching, pin_pair, publish_proposals, request_matching
from services.matching.commands.simulations import adopt_run, simulate_matching
from services.matching.handlers import (
    activate_pair,
    forget_person,
    heed_consent,
    heed_learning_consent,
    refresh_candidate,
    remember_organization,
    remember_report,
)
from services.matching.jobs.meaning import understand_texts
from services.matching.jobs.runs import run_match_runs
from services.matching.jobs.timed import (
    expire_proposals,
    forget_lapsed_reports,
    open_and_close_cohorts,
    pause_lapsed_consents,
    refit_calibrations,
)
from services.matching.reads.choices import explain_why_not, list_vetoes, read_rankings, suggest_partners
from services.matching.reads.runs import check_rules, compare_runs, read_passed_over, read_run_proof
from services.matching.store import current_facts

app = build(
    "matching",
    commands={
        DraftCohort: draft_cohort,
        AcceptPartnership: accept_partnership,
        AdvanceCohort: advance_cohort,
        ChangeRules: change_rules,
        ChangeCapacity: change_capacity,
        ChangeSeats: change_seats,
        InvitePeople: invite_people,
        Enrol: enrol,
        PauseEnrolment: pause_enrolment,
        ResumeEnrolment: resume_enrolment,
        WithdrawEnrolment: withdraw_enrolment,
        RemoveEnrolment: remove_enrolment,
        BlockPerson: block_person,
        RequestMatching: request_matching,
        CancelMatching: cancel_matching,
        SimulateMatching: simulate_matching,
        AdoptRun: adopt_run,
        PinPair: pin_pair,
        PublishProposals: publish_proposals,
        AcceptPair: accept_pair,
        DeclinePair: decline_pair,
        AskQuestion: ask_question,
        AnswerQuestion: answer_question,
        HoldPair: hold_pair,
        ResumePair: resume_pair,
        EndPair: end_pair,
        PlanRounds: plan_rounds,
        ReplanRounds: replan_rounds,
        PlanGroups: plan_groups,
        PublishGroups: publish_groups,
        RankPeople: rank_people,
        VetoPair: veto_pair,
        WithdrawVeto: withdraw_veto,
        RefitCalibration: refit_calibration,
        UseCalibration: use_calibration,
        ShareFeedback: share_feedback,
    },
    queries={
        CheckRules: check_rules,
        ReadPassedOver: read_passed_over,
        ReadRunProof: read_run_proof,
        CompareRuns: compare_runs,
        SuggestPartners: suggest_partners,
        ExplainWhyNot: explain_why_not,
        ReadRankings: read_rankings,
        ListVetoes: list_vetoes,
    },
    handlers={
        OrganizationRegistered: [remember_organization],
        OrganizationUpdated: [remember_organization],
        ProfileUpdated: [refresh_candidate],
        ConsentChanged: [heed_consent, heed_learning_consent],
        ProfileErased: [forget_person],
        AgreementSigned: [activate_pair],
        FeedbackReleased: [remember_report],
    },
    timed=[
        Timed("open_and_close_cohorts", every=0.5, run=open_and_close_cohorts),
        Timed("expire_proposals", every=1.0, run=expire_proposals),
        Timed("pause_lapsed_consents", every=5.0, run=pause_lapsed_consents),
        Timed("forget_lapsed_reports", every=5.0, run=forget_lapsed_reports),
        Timed("refit_calibrations", every=60.0, run=refit_calibrations),
    ],
    workers={"match_runs": run_match_runs, "meaning": understand_texts},
    settings=(
        Setting(
            "MEANING",
            hint="how texts are understood: full (several languages, 300 MB while it works), light (one small model), or server",
            default="full",
        ),
        Setting(
            "KNOWN_VECTORS", hint="a file of vectors that need not be computed again, for demonstrations", default=""
        ),
        Setting(
            "EMBEDDINGS_URL", hint="for server: any OpenAI-compatible address, such as http://host:port/v1", default=""
        ),
        Setting("EMBEDDINGS_MODEL", hint="for server: the model's name there", default=""),
        Setting("EMBEDDINGS_KEY", hint="for server: its key, if it wants one", default=""),
        Setting(
            "RUN_SECONDS",
            hint="seconds that a match run may search before it takes the best plan so far; 0: as long as it needs",
            default="0",
        ),
    ),
    catalog=current_facts,
)
