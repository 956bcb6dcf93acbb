"""The contracts' enumerations in the words of the GraphQL schema: one description per enumeration and per value."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from contracts import base, feedback, matching, notifications, profiles
from gateway import policy

# (the GraphQL name, what it is, what each value means)
DESCRIBED: Mapping[type[Enum], tuple[str, str, Mapping[str, str]]] = {
    base.Role: (
        "Role",
        "What an actor may be; one actor can be several.",
        {
            "PERSON": "Somebody with a profile.",
            "ADMIN": "An admin of their organization.",
            "OPERATOR": "An operator of the platform.",
            "SYSTEM": "A service on its own account; no client is ever this.",
        },
    ),
    policy.Tier: (
        "Visibility",
        "How much of a person the viewer may see, from most to least.",
        {
            "SELF": "The viewer themselves: everything.",
            "ADMINISTERED": "One of the people of the organization that the viewer administers.",
            "MATCHED": "The other one of an accepted pair: what was opted into, and the contact address.",
            "PROPOSED": "The other one of a proposal: what person and organization opted into.",
            "LISTED": "Somebody of a common cohort: name, job title and organization.",
        },
    ),
    profiles.NeedKind: (
        "NeedKind",
        "How somebody wants to be helped.",
        {
            "SHOW_ME": "Show me how it is done.",
            "EXPLAIN": "Explain it to me.",
            "CRITIQUE": "Tell me what is wrong with what I do.",
            "CHALLENGE_ME": "Disagree with me, make me think.",
            "RECOMMEND": "Recommend what to read, use or try.",
            "HANDS_ON": "Let us do it together.",
            "PERSPECTIVE": "Tell me how you see it.",
            "CAREER": "Help me with where I am going.",
        },
    ),
    profiles.Setting: (
        "Setting",
        "Where an offer was learned.",
        {"WORK": "At work.", "STUDY": "By studying.", "LIFE": "In life outside work."},
    ),
    profiles.Cefr: (
        "LanguageLevel",
        "Command of a language, by the Common European Framework.",
        {
            "A1": "Beginner.",
            "A2": "Elementary.",
            "B1": "Intermediate.",
            "B2": "Upper intermediate.",
            "C1": "Advanced.",
            "C2": "Like a native speaker.",
        },
    ),
    profiles.Criticism: (
        "Criticism",
        "How a person likes to be criticized.",
        {
            "DIRECT": "Straight and short.",
            "GENTLE": "Kindly, with what is good first.",
            "ASK_FIRST": "Only after asking whether now is a good moment.",
        },
    ),
    profiles.Purpose: (
        "ConsentPurpose",
        "What a consent is for.",
        {
            "MATCHING": "Be matched, and shown to proposed partners.",
            "GROWTH_EVIDENCE": "Let the own organization see evidence of growth.",
            "LEARNING": "Let released feedback tune later matching.",
        },
    ),
    profiles.ProposedField: (
        "ProposedField",
        "A part of a profile that a proposed partner may see when person and organization both say so.",
        {
            "OFFERS": "What the person can teach.",
            "NEEDS": "What the person wants.",
            "LANGUAGES": "The languages that the person speaks.",
            "ZONE": "The time zone of the person.",
            "FACETS": "The background that the person stated.",
            "CRITICISM": "How the person likes to be criticized.",
        },
    ),
    matching.CohortStatus: (
        "CohortStatus",
        "Where a cohort stands.",
        {
            "DRAFT": "Not every partner has accepted yet.",
            "OPEN": "People can enrol.",
            "CLOSED": "Registration is over.",
            "MATCHING": "Match runs are computed.",
            "REVIEW": "Organizers look at the drafted pairs.",
            "ACTIVE": "Pairs work together.",
            "WRAP_UP": "Final reviews are written.",
            "COMPLETED": "The edition is over.",
            "CANCELLED": "The edition was called off.",
        },
    ),
    matching.EnrolmentStatus: (
        "EnrolmentStatus",
        "Where a person's place in a cohort stands.",
        {
            "INVITED": "Invited by an admin; the person has not answered.",
            "APPLIED": "Applied, and waits for the cohort to open.",
            "WAITLISTED": "No place is free; see the waiting position.",
            "ADMITTED": "Takes part in matching.",
            "PAUSED": "Takes a pause: no proposals come.",
            "COMPLETED": "Took part to the end.",
            "WITHDRAWN": "Left.",
            "REMOVED": "Removed by an admin of the own organization.",
            "UNMATCHED": "No partner was found; see the reason.",
        },
    ),
    matching.EnrolmentRole: (
        "EnrolmentRole",
        "What a person does in a cohort.",
        {
            "GIVES": "Teaches only.",
            "RECEIVES": "Learns only.",
            "BOTH": "Teaches and learns: the two-way street.",
        },
    ),
    matching.UnmatchedReason: (
        "UnmatchedReason",
        "Why an admitted person got no pair.",
        {
            "NO_LEGAL_PARTNER": "The required rules leave nobody.",
            "NO_SHARED_TIME": "Nobody is free at the same time.",
            "NO_SHARED_LANGUAGE": "Nobody shares a language well enough.",
            "NOTHING_IN_COMMON": "No offer meets a need, in either direction.",
            "CAPACITY": "Every possible partner is taken.",
            "INCOMPLETE_PROFILE": "Offers, needs or availability are missing.",
            "OUT_OF_OFFICE": "The person is away.",
        },
    ),
    matching.WhyNotCode: (
        "WhyNotCode",
        "Why two people are not together.",
        {
            "POSSIBLE": "Nothing speaks against it.",
            "PAIRED": "They are, or were, proposed to each other in this cohort.",
            "KEPT_APART": "A wish, or a rule about what only the other one may tell. Which one is not shown.",
            "VETOED": "An organizer vetoed the pair. Only organizers learn it.",
            "RULE": "Required rules of the cohort, see `rules`.",
            "ROLES": "By their roles, neither could teach the other.",
            "NOT_AVAILABLE": "One of them takes no part at the moment.",
            "INCOMPLETE_PROFILE": "A profile lacks what matching needs.",
            "OUT_OF_OFFICE": "Away when the cohort starts.",
            "NOT_READ": "What one of them wrote is not understood yet; ask again in a moment.",
            "NOTHING_TO_TEACH": "No offer of the one meets a need of the other, in either direction.",
            "NO_PLACE": "One of them has, or is promised, as many partners as they take.",
            "BETTER_ELSEWHERE": "The run found more in other pairs; `why` names the price of the other's place.",
            "OWN_IS_BETTER": "The partner that the run found is worth at least as much.",
        },
    ),
    matching.RuleKind: (
        "RuleKind",
        "The rules that a cohort can require or prefer.",
        {
            "CROSS_ORGANIZATION": "The two belong to different organizations.",
            "SAME_ORGANIZATION": "The two belong to the same organization.",
            "DIFFERENT_TEAM": "The two are not of one team.",
            "NO_REPORTING_LINE": "Neither reports to the other.",
            "SHARED_LANGUAGE": (
                "The two share a language; parameter: least level of the weaker one, 1 (A1) to 6 (C2)."
            ),
            "SHARED_MINUTES": "The two are free together; parameter: least minutes a week.",
            "ZONE_SPREAD": "Their zones are not too far apart; parameter: most hours.",
            "NOT_TOGETHER": "These two people are never a pair.",
            "TOGETHER": "These two people are a pair.",
            "PARTNER_AMONG": "The first of these people has partners from among the others only.",
            "INCLUDE_ONE": "At least one of these people has a pair; required only.",
            "NOT_MET_BEFORE": "The two were not a pair of an earlier edition of the series.",
            "SAME_FACET": "The two have the same facet.",
            "DIFFERENT_FACET": "The two differ in the facet.",
        },
    ),
    matching.RunStatus: (
        "MatchRunStatus",
        "Where a match run stands.",
        {
            "QUEUED": "Waits for a worker.",
            "RUNNING": "Is being computed.",
            "COMPLETED": "Has found its pairs.",
            "FAILED": "Ended with an error.",
            "CANCELLED": "Was stopped by an organizer.",
        },
    ),
    matching.PairStatus: (
        "PairStatus",
        "Where a pair stands.",
        {
            "DRAFT": "Found by a run and not published: organizers only.",
            "PROPOSED": "Both are asked.",
            "HALF_ACCEPTED": "One said yes.",
            "ACCEPTED": "Both said yes; the agreement is to be signed.",
            "ACTIVE": "Both signed and work together.",
            "ON_HOLD": "Takes a pause.",
            "COMPLETED": "Worked together to the end.",
            "ENDED_EARLY": "Ended before the end; its history stays.",
            "DECLINED": "One said no; both are free again.",
            "EXPIRED": "Not answered in time; both are free again.",
            "SUPERSEDED": "Another pair took the place; both are free again.",
        },
    ),
    matching.DeclineReason: (
        "DeclineReason",
        "Why somebody says no to a proposal.",
        {
            "NO_TIME": "I have no time now.",
            "NOT_WHAT_I_NEED": "It is not what I need.",
            "KNOW_EACH_OTHER": "We know each other already.",
            "PERSONAL": "I prefer not to say.",
        },
    ),
    feedback.TopicItemStatus: (
        "TopicStatus",
        "Where a line of an agenda stands.",
        {
            "PROPOSED": "Added, and not decided by the learner.",
            "ACCEPTED": "The learner wants it.",
            "DECLINED": "The learner does not want it.",
            "DONE": "Was dealt with.",
        },
    ),
    feedback.SessionStatus: (
        "SessionStatus",
        "Where a meeting stands.",
        {
            "PROPOSED": "Longer than planned: waits for the other's consent.",
            "SCHEDULED": "Will take place.",
            "RESCHEDULED": "Was moved, and will take place.",
            "HELD": "Took place; one of the two has logged it.",
            "LOGGED": "Took place; both have logged it.",
            "CANCELLED": "Was called off.",
            "NO_SHOW": "One of the two did not come.",
        },
    ),
    feedback.FeedbackKind: (
        "FeedbackKind",
        "What a feedback is about.",
        {
            "PULSE": "A short one after a session.",
            "MIDTERM": "A review half way.",
            "FINAL": "A review at the end.",
        },
    ),
    feedback.FeedbackStatus: (
        "FeedbackStatus",
        "Where a feedback stands.",
        {
            "REQUESTED": "Due from its author.",
            "SUBMITTED": "Written, and sealed until both have written or the deadline passed.",
            "RELEASED": "Its addressee may read it.",
            "EXPIRED": "Was never written.",
        },
    ),
    feedback.IntroductionStatus: (
        "IntroductionStatus",
        "Where an introduction stands.",
        {
            "OFFERED": "The third person is asked.",
            "CONSENTED": "The third person agreed.",
            "DECLINED": "The third person said no.",
            "MADE": "The introduction was made.",
            "CLOSED": "The receiver said what came of it.",
        },
    ),
    matching.FitOutcome: (
        "FitOutcome",
        "What an attempt to learn from feedback came to.",
        {
            "TOO_FEW": "Too little was reported to learn from.",
            "NO_BETTER": "Nothing was better than what is in use, beyond noise, on pairs that it had not seen.",
            "ADOPTED": "A new version, in use from then on.",
        },
    ),
    matching.Keep: (
        "Keep",
        "What a match run keeps of the cohort's present drafts.",
        {
            "NONE": "Nothing: everything is planned anew.",
            "LOCKED": "Every draft of two people who are still here; only those with a free place are matched.",
            "STICKY": "What is there counts extra: few people move, and as many as possible have somebody.",
        },
    ),
    notifications.NotificationKind: (
        "NotificationKind",
        "What a message is about.",
        {
            "INVITATION": "An invitation to a cohort.",
            "PROPOSAL": "A proposed pair, or a question about one.",
            "PAIR": "A pair was accepted, declined, started, paused or ended.",
            "AGREEMENT": "An agreement waits for a signature.",
            "SESSION": "A session was planned, moved or cancelled.",
            "FEEDBACK": "Feedback is due, or was released.",
            "INTRODUCTION": "Somebody opens a door.",
            "NUDGE": "A reminder with a reason.",
            "COHORT": "News of a cohort.",
        },
    ),
    notifications.DeliveryStatus: (
        "DeliveryStatus",
        "Where the e-mail of a message stands.",
        {
            "PENDING": "Will be sent: quiet hours, or waits for its turn.",
            "DELIVERED": "Was handed to the mail server.",
            "FAILED": "Could not be delivered, finally.",
            "SKIPPED": "The person does not want this kind by mail, or has no address.",
        },
    ),
}


def register(kind: type[Enum], *, name: str, description: str, values: Mapping[str, str]) -> None:
    """Make an enumeration known to the schema; a value without a description is a programming error."""
    strawberry.enum(kind, name=name, description=description)
    definition: StrawberryEnumDefinition = kind.__dict__["__strawberry_definition__"]
    for value in definition.values:
        value.description = values[value.name]


for _kind, (_name, _description, _values) in DESCRIBED.items():
    register(_kind, name=_name, description=_description, values=_values)
