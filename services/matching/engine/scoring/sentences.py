"""Everything that the engine says, in the reader's language: a code and what it is about become a sentence.

One place, so that every sentence exists in every language and a test can ask for all of them. What people wrote themselves is
quoted as they wrote it.
"""

from __future__ import annotations

from collections.abc import Callable

from services.matching.engine.model import Phrase

ENGLISH, POLISH = "en", "pl"
LOCALES = (ENGLISH, POLISH)

Given = str | int | float

SENTENCES: dict[str, tuple[str, str]] = {
    # terms of a value
    "weaker_direction": (
        "0.8 of the direction in which less is taught, which is worth {worth}",
        "0,8 kierunku, w którym uczy się mniej; jest on wart {worth}",
    ),
    "both_directions": ("0.1 of the sum of both directions", "0,1 sumy obu kierunków"),
    "one_direction": (
        "0.1 of twice the only direction that their roles allow",
        "0,1 podwojonego jedynego kierunku, na jaki pozwalają role",
    ),
    "difference": ("They differ in {facets}", "Różnią się: {facets}"),
    "no_difference": ("They differ in nothing that both stated", "Nie różnią się w niczym, co oboje podali"),
    "clocks": ("Their clocks are {hours} h apart", "Ich zegary różnią się o {hours} h"),
    "shared_time": (
        "They are both free for {minutes} min a week; three hours cost nothing",
        "Oboje są wolni przez {minutes} min w tygodniu; trzy godziny nie kosztują nic",
    ),
    "language": (
        "They speak {language}, the weaker of the two at level {level}",
        "Mówią w języku: {language}, słabsza z osób na poziomie {level}",
    ),
    "no_language": ("They share no language", "Nie mają wspólnego języka"),
    "preferred_rule": (
        "The cohort prefers otherwise: {rule} (rule {number})",
        "Edycja woli inaczej: {rule} (reguła {number})",
    ),
    # common ground
    "both_want": ("Both want to learn about “{one}”", "Oboje chcą się uczyć: „{one}”"),
    "both_want_alike": (
        "Both want to learn about “{one}” and “{other}”",
        "Oboje chcą się uczyć podobnych rzeczy: „{one}” i „{other}”",
    ),
    "both_know": ("Both know about “{one}”", "Oboje znają się na: „{one}”"),
    "both_know_alike": (
        "Both know about “{one}” and “{other}”",
        "Oboje znają się na podobnych rzeczach: „{one}” i „{other}”",
    ),
    "same_facet": ("The same {facets}: {value}", "Wspólne – {facets}: {value}"),
    "both_care": ("Both care about “{one}”", "Obojgu zależy na: „{one}”"),
    "both_speak": ("Both speak {language}", "Oboje mówią w języku: {language}"),
    "same_cohort": ("Both joined the same cohort", "Oboje dołączyli do tej samej edycji"),
    # bridges
    "different_organizations": ("Different organizations", "Różne organizacje"),
    "different_facet": ("{facets}: {one} and {other}", "{facets}: {one} i {other}"),
    "different_topics": ("Different topics: “{one}” and “{other}”", "Różne tematy: „{one}” i „{other}”"),
    "one_topic": (
        "A topic that only one of them knows: “{one}”",
        "Temat, na którym zna się tylko jedna z osób: „{one}”",
    ),
    "strangers": ("Two people who would not have met otherwise", "Dwie osoby, które inaczej by się nie spotkały"),
    # one way only
    "by_roles": (
        "By their roles in this cohort, one teaches and the other learns.",
        "Zgodnie z rolami w tej edycji jedna osoba uczy, a druga się uczy.",
    ),
    "pinned": ("An organizer put these two together.", "Te dwie osoby połączył organizator."),
    "nothing_two_way": (
        "Only one of the two offers what the other wants, and no pair that goes both ways was left.",
        "Tylko jedna z osób oferuje to, czego chce druga, a żadna para działająca w obie strony już nie została.",
    ),
    # why not somebody better
    "place_worth_more": (
        "This pair would be worth {worth} instead of {own}, but the other's place is worth {price} to others.",
        "Ta para byłaby warta {worth} zamiast {own}, ale miejsce drugiej osoby jest dla innych warte {price}.",
    ),
    "one_way_instead": (
        "This pair would be worth {worth} instead of {own}, but only one of the two would teach.",
        "Ta para byłaby warta {worth} zamiast {own}, ale uczyłaby tylko jedna z osób.",
    ),
    "own_is_better": (
        "This pair would be worth {worth}, and the one that was found is worth {own}.",
        "Ta para byłaby warta {worth}, a znaleziona jest warta {own}.",
    ),
    # why not this one, and suggestions
    "own_ranking": (
        "You ranked this person number {rank}; only you see this",
        "Ta osoba jest na {rank}. miejscu Twojego rankingu; widzisz to tylko Ty",
    ),
    "nothing_against": (
        "Nothing speaks against this pair; it would be worth {worth}.",
        "Nic nie przemawia przeciwko tej parze; byłaby warta {worth}.",
    ),
    "paired_before": (
        "The two are, or were, proposed to each other in this cohort.",
        "Te dwie osoby są lub były sobie zaproponowane w tej edycji.",
    ),
    "kept_apart": (
        "A wish, or a rule about what only the other one may tell, keeps the two apart. Which one is not shown.",
        "Te dwie osoby rozdziela życzenie albo reguła o czymś, o czym może mówić tylko druga osoba. Której – nie podajemy.",
    ),
    "vetoed": ("An organizer vetoed this pair.", "Organizator zawetował tę parę."),
    "broken_rule": (
        "The cohort requires: {rule} (rule {number}).",
        "Edycja wymaga: {rule} (reguła {number}).",
    ),
    "same_role": (
        "By their roles in this cohort, neither could teach the other.",
        "Zgodnie z rolami w tej edycji żadna z osób nie mogłaby uczyć drugiej.",
    ),
    "not_available": (
        "One of the two takes no part at the moment.",
        "Jedna z tych osób w tej chwili nie bierze udziału.",
    ),
    "incomplete_other": (
        "The profile of one of the two is not complete.",
        "Profil jednej z tych osób nie jest kompletny.",
    ),
    "not_read": (
        "What one of the two wrote is not understood yet; ask again in a moment.",
        "To, co napisała jedna z osób, nie zostało jeszcze zrozumiane; zapytaj za chwilę.",
    ),
    "nothing_to_teach": (
        "No offer of the one meets a need of the other, in either direction: more needs or offers would help.",
        "W żadnym kierunku oferta jednej osoby nie spełnia potrzeby drugiej: pomogłoby więcej potrzeb lub ofert.",
    ),
    "no_free_place": (
        "One of the two has, or is promised, as many partners as they take.",
        "Jedna z tych osób ma już lub ma obiecanych tylu partnerów, ilu przyjmuje.",
    ),
    "own_places_taken": (
        "All your places are taken or promised.",
        "Wszystkie Twoje miejsca są zajęte lub obiecane.",
    ),
    "nobody_free": (
        "There are possible partners ({people}), and none of them has a free place now.",
        "Są możliwi partnerzy ({people}), ale żaden z nich nie ma teraz wolnego miejsca.",
    ),
    "rules_leave_nobody_now": (
        "The rules of the cohort leave nobody at the moment; its organizers see which of them.",
        "Reguły edycji nie pozostawiają teraz nikogo; organizatorzy widzą, które.",
    ),
    # why nobody
    "away": ("Out of office when the cohort starts.", "Poza biurem, gdy edycja się zaczyna."),
    "incomplete": ("The profile lacks {missing}.", "W profilu brakuje: {missing}."),
    "all_taken": (
        "There are possible partners ({people}), and others needed each of their places more.",
        "Są możliwi partnerzy ({people}), ale każde z ich miejsc było bardziej potrzebne innym.",
    ),
    "no_topic": (
        "The rules allow {people}, and no offer meets a need in either direction: more needs or offers would help.",
        "Reguły pozwalają na {people}, ale w żadnym kierunku oferta nie spełnia potrzeby: pomogłoby więcej potrzeb lub ofert.",
    ),
    "without_rule": (
        "Without rule {number} ({rule}) there would be possible partners: {people}.",
        "Bez reguły {number} ({rule}) byliby możliwi partnerzy: {people}.",
    ),
    "without_vetoes": (
        "Without the vetoes of organizers there would be possible partners: {people}.",
        "Bez weta organizatorów byliby możliwi partnerzy: {people}.",
    ),
    "rules_leave_nobody": (
        "The rules leave nobody, and no single one of them is the cause.",
        "Reguły nie pozostawiają nikogo, a przyczyną nie jest żadna z nich z osobna.",
    ),
    # groups around a topic
    "group_learned": (
        "What the topic is worth to those who need it: {people}",
        "Ile temat jest wart dla tych, którzy go potrzebują: {people}",
    ),
    "group_back": (
        "What the one who leads learns from somebody in the group",
        "Czego osoba prowadząca uczy się od kogoś z grupy",
    ),
    "group_difference": (
        "How different they are, any two of them in the mean",
        "Jak bardzo się różnią, średnio każde dwie osoby",
    ),
    "group_time": (
        "All are free together for {minutes} min a week; three hours cost nothing",
        "Wszyscy są wolni razem przez {minutes} min w tygodniu; trzy godziny nie kosztują nic",
    ),
    "group_preferred": (
        "Some of them the cohort would rather not put together",
        "Niektórych osób edycja wolałaby nie łączyć",
    ),
    "group_others_rules": (
        "A rule keeps {people} who need this topic apart from somebody in the group.",
        "Reguła nie pozwala połączyć z kimś z grupy: {people} z tą samą potrzebą.",
    ),
    "group_others_language": (
        "The group's language is not spoken well enough by {people} who need this topic.",
        "Języka grupy nie zna wystarczająco dobrze: {people} z tą samą potrzebą.",
    ),
    "group_others_time": (
        "There is not enough time that all share with {people} who need this topic.",
        "Za mało wspólnego czasu ze wszystkimi ma: {people} z tą samą potrzebą.",
    ),
    "group_others_elsewhere": (
        "In other groups: {people} who need this topic.",
        "W innych grupach: {people} z tą samą potrzebą.",
    ),
    "group_others_full": (
        "The group is full for {people} more who need this topic.",
        "Grupa jest pełna; z tą samą potrzebą zostaje jeszcze: {people}.",
    ),
    "group_others_less": (
        "The plan would be worth less with {people} more who need this topic.",
        "Plan byłby wart mniej, gdyby dołączyć jeszcze: {people} z tą samą potrzebą.",
    ),
    "group_nobody_else": ("Nobody else needs this topic.", "Nikt inny nie potrzebuje tego tematu."),
    "group_fell": (
        "Somebody of the group left, or may not be with somebody in it any more: groups have to be planned anew.",
        "Ktoś z grupy odszedł albo nie może już być z kimś z niej: grupy trzeba zaplanować od nowa.",
    ),
    "group_places": (
        "There are possible groups, and others needed each of their places more.",
        "Są możliwe grupy, ale każde z ich miejsc było bardziej potrzebne innym.",
    ),
    "group_no_time": (
        "No group with a topic for you is free together for {minutes} min a week: more free time would help.",
        "Żadna grupa z tematem dla ciebie nie jest wolna razem przez {minutes} min w tygodniu: pomogłoby więcej wolnego czasu.",
    ),
    "group_no_language": (
        "No group with a topic for you shares a language that all speak well enough.",
        "Żadna grupa z tematem dla ciebie nie ma języka, który wszyscy znają wystarczająco dobrze.",
    ),
    "group_rules_forbid": (
        "The rules forbid every group with a topic for you.",
        "Reguły zabraniają każdej grupy z tematem dla ciebie.",
    ),
    "group_no_topic": (
        "No offer of level {group_level} or above meets a need that you share with others, and yours no needs of two others.",
        "Żadna oferta od poziomu {group_level} nie spełnia potrzeby, którą dzielisz z innymi, a twoja – potrzeb dwóch innych osób.",
    ),
    # rules that cannot hold together
    "conflict": (
        "These rules cannot hold together: {rules}: {what}. Take one of them back, or make it preferred.",
        "Te reguły nie mogą obowiązywać razem: {rules}: {what}. Wycofaj jedną z nich albo uczyń ją pożądaną.",
    ),
    "together_forbidden": (
        "{one} and {other} must be together, and the other rules forbid it",
        "{one} i {other} muszą być razem, a pozostałe reguły tego zabraniają",
    ),
    "together_too_often": (
        "{one} takes too few pairs at once for all with whom they must be together",
        "{one} ma za mało miejsc na pary dla wszystkich, z którymi musi być razem",
    ),
    "no_partner_among": (
        "nobody of the group can be a partner of {one}",
        "nikt z grupy nie może być partnerem osoby {one}",
    ),
    "group_left_out": (
        "a group of whom one must be included cannot have a pair",
        "grupa, z której ktoś musi mieć parę, nie może jej mieć",
    ),
    "nobody_possible": ("no two people could be a pair at all", "żadne dwie osoby nie mogłyby być parą"),
    # what a rule costs
    "rule_costs_people": (
        "Dropping rule {number} ({rule}) would let {people} more be matched.",
        "Bez reguły {number} ({rule}) parę miałoby więcej osób o: {people}.",
    ),
    "rule_costs_value": (
        "Dropping rule {number} ({rule}) would let nobody more be matched, and raise the value by {worth}.",
        "Bez reguły {number} ({rule}) nikt więcej nie miałby pary, a wartość wzrosłaby o {worth}.",
    ),
    "rule_costs_nothing": (
        "Dropping rule {number} ({rule}) would change nothing.",
        "Rezygnacja z reguły {number} ({rule}) nic by nie zmieniła.",
    ),
}

FACET_NAMES: dict[str, tuple[str, str]] = {
    "organization": ("organization", "organizacja"),
    "industry": ("industry", "branża"),
    "function": ("function", "funkcja"),
    "education": ("education", "wykształcenie"),
    "region": ("region", "region"),
    "career_stage": ("career stage", "etap kariery"),
}
RULE_NAMES: dict[str, tuple[str, str]] = {
    "cross_organization": ("different organizations", "różne organizacje"),
    "same_organization": ("the same organization", "ta sama organizacja"),
    "different_team": ("different teams", "różne zespoły"),
    "no_reporting_line": ("nobody reports to the other", "brak podległości służbowej"),
    "shared_language": ("a shared language", "wspólny język"),
    "shared_minutes": ("enough shared time", "dość wspólnego czasu"),
    "zone_spread": ("clocks not too far apart", "niezbyt odległe strefy czasowe"),
    "not_together": ("these two never together", "te dwie osoby nigdy razem"),
    "together": ("these two together", "te dwie osoby razem"),
    "partner_among": ("a partner from a group", "partner z danej grupy"),
    "include_one": ("one of a group has a pair", "ktoś z grupy ma parę"),
    "not_met_before": ("no pair of an earlier edition", "nie para z wcześniejszej edycji"),
    "same_facet": ("the same background", "takie samo tło"),
    "different_facet": ("a different background", "inne tło"),
}
MISSING_NAMES: dict[str, tuple[str, str]] = {
    "topics": ("offers or needs", "ofert lub potrzeb"),
    "languages": ("languages", "języków"),
    "windows": ("free time", "wolnego czasu"),
    "zone": ("a known time zone", "znanej strefy czasowej"),
}
LANGUAGE_NAMES: dict[str, tuple[str, str]] = {
    "cs": ("Czech", "czeski"),
    "de": ("German", "niemiecki"),
    "en": ("English", "angielski"),
    "es": ("Spanish", "hiszpański"),
    "fr": ("French", "francuski"),
    "it": ("Italian", "włoski"),
    "ja": ("Japanese", "japoński"),
    "nl": ("Dutch", "niderlandzki"),
    "pl": ("Polish", "polski"),
    "pt": ("Portuguese", "portugalski"),
    "sv": ("Swedish", "szwedzki"),
    "tr": ("Turkish", "turecki"),
    "uk": ("Ukrainian", "ukraiński"),
    "zh": ("Chinese", "chiński"),
}
LEVEL_NAMES = ("none", "A1", "A2", "B1", "B2", "C1", "C2")


def phrase(code: str, **given: Given) -> Phrase:
    """A sentence to be said later."""
    return Phrase(code=code, given=tuple(given.items()))


def say(said: Phrase, *, locale: str = ENGLISH) -> str:
    """The sentence in this language; in English where we do not speak it."""
    column = LOCALES.index(_language(locale))
    given = {name: _SHOWN.get(name, _as_is)(value, column) for name, value in said.given}
    return SENTENCES[said.code][column].format(**given)


def _language(locale: str) -> str:
    spoken = locale.replace("_", "-").split("-")[0].casefold()
    return spoken if spoken in LOCALES else ENGLISH


def _as_is(value: Given, _column: int) -> str:
    return f"{value}"


def _named(names: dict[str, tuple[str, str]]) -> Callable[[Given, int], str]:
    """Names of codes that commas part; a code without a name stands for itself."""
    return lambda value, column: ", ".join(
        names[code][column] if code in names else code for code in str(value).split(",")
    )


def _number(value: Given, column: int) -> str:
    text = f"{float(value):.3f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if LOCALES[column] == POLISH else text


def _people(value: Given, column: int) -> str:
    count = int(value)
    if LOCALES[column] == ENGLISH:
        return f"{count} person" if count == 1 else f"{count} people"
    few = count % 10 in {2, 3, 4} and count % 100 not in {12, 13, 14}
    return f"{count} osoba" if count == 1 else f"{count} osoby" if few else f"{count} osób"


_SHOWN: dict[str, Callable[[Given, int], str]] = {
    "facets": _named(FACET_NAMES),
    "rule": _named(RULE_NAMES),
    "missing": _named(MISSING_NAMES),
    "language": _named(LANGUAGE_NAMES),
    "level": lambda value, _column: LEVEL_NAMES[int(value)],
    "hours": _number,
    "worth": _number,
    "own": _number,
    "price": _number,
    "people": _people,
}
