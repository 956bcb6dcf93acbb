"""Is this text English? Needs and offers do not say in which language they are, and three words must do.

The question behind it is whether MiniLM, which knows English only, has a say. So its own vocabulary is a witness, beside
the small words that tell languages apart. Each word votes: English small words for English; other languages' small words
and letters outside a–z against it; a word that MiniLM knows whole for it, and one that it would have to cut to pieces
against it, with half a voice. Abbreviations and figures abstain; a text in another script is not English. A draw is
English: it is mostly a name that is the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SMALL = """
    a an the i my me we our us you your he his she her it its they their them this that these those who whom which what
    when where why how is are was were be been am do does did has have had can could will would shall should may might
    must not no never and or but if so because than as of to in on at for from by with without about into over under
    after before between out up off only everyone nobody somebody anyone something nothing everything more most less
    better best good get give make learn want like need keep i'm don't can't it's doesn't won't isn't aren't
    """
ENGLISH = frozenset(SMALL.split())

# Small words, and what people write when they want to learn. None is spelled like an English word.
ELSEWHERE: dict[str, str] = {
    "German": "und der das den dem ein eine einen einem meine mein meinen ich wie für nicht auf im beim zu vom zum zur wir uns "
    "unser unsere sich aus bei nach lernen besser machen ohne wenn oder mich mir über anfänger",
    "French": "le les une des du et mon ma mes notre nos je comment pour sans dans avec sur faire aux que qui ce est "
    "pas plus apprendre mieux chez être débuter",
    "Spanish": "el los las una unos unas mi mis nuestra nuestro cómo como para con sin del por se aprender mejor quiero "
    "hacer empezar y",
    "Italian": "il lo gli uno della dei delle nel nella che di da ai mio mia e senza imparare capire del",
    "Portuguese": "os um uma meu minha meus nosso da das dos na nos em com sem fazer aprender melhorar não",
    "Dutch": "het een van de met voor zonder naar niet mijn onze wat hoe ik op leren maken te zijn beter",
    "Swedish": "att och ett med för inte min mitt hur på jag göra lära sig av en om vill bli",
    "Danish": "og det af ikke jeg hvordan lære mig med uden på",
    "Norwegian": "og det av ikke jeg hvordan lære meg med uten på",
    "Finnish": "ja oppia miten että haluan kanssa itse ilman paremmin",
    "Polish": "nie jak się w z na po mój moje nauczyć czy od dla chcę oraz bez uczyć lepiej",
    "Czech": "jak se v na s pro naučit z můj k aby nebo chci bez lépe učit",
    "Hungarian": "hogyan az egy és nem vagy szeretnék tanulni jobban nélkül",
    "Romanian": "să cu în pe din și cum învăț fără pentru mai bine",
    "Turkish": "nasıl ve bir için öğrenmek ile istiyorum yapmak daha iyi öğrenme",
    "Vietnamese": "học cách và của không để cho làm tôi muốn",
    "Indonesian": "dan yang untuk dengan belajar cara saya tidak di dari",
}
FOREIGN = frozenset(word for words in ELSEWHERE.values() for word in words.split()) - ENGLISH

FOR, AGAINST = 2, 4  # half voices: English small words, and those of elsewhere
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
LATIN_SHARE = 0.7


def is_english(text: str, *, known: Collection[str] | Mapping[str, int]) -> bool:
    """``known``: whole words of English, in small letters, besides pieces that no text contains."""
    letters = [character for character in text if character.isalpha()]
    if sum(character.isascii() for character in letters) < LATIN_SHARE * len(letters):
        return False
    return sum(_vote(word, known=known) for word in WORD.findall(text)) >= 0


def english(texts: Sequence[str], *, known: Collection[str] | Mapping[str, int]) -> NDArray[np.bool_]:
    """Which of the texts are English."""
    return np.array([is_english(text, known=known) for text in texts], dtype=np.bool_)


def _vote(word: str, *, known: Collection[str] | Mapping[str, int]) -> int:
    small = word.lower().replace("’", "'")
    if small in FOREIGN:
        return -AGAINST
    if small in ENGLISH:
        return FOR
    if not small.isascii():
        return -AGAINST + 1
    if len(word) == 1 or (word.isupper() and len(word) <= 5):
        return 0
    return 1 if any(form in known for form in _forms(small.rpartition("-")[2])) else -1


def _forms(word: str) -> tuple[str, ...]:
    """The word, and what it may be a regular form of."""
    if word.endswith("ies"):
        return word, word[:-3] + "y"
    if word.endswith("ing"):
        return word, word[:-3], word[:-3] + "e", word[:-4]
    for ending in ("'s", "es", "ed", "er", "ly", "s"):
        if word.endswith(ending):
            return word, word[: -len(ending)], word[: -len(ending)] + "e"
    return (word,)
