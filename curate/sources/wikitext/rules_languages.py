"""Text in other languages and how it is said: `{{lang|fr|…}}`, `{{lang-ru|…}}`, `{{IPA|…}}`, `{{nihongo|…}}`."""

from __future__ import annotations

import re

from curate.sources.wikitext.arguments import Arguments
from curate.sources.wikitext.context import Context
from curate.sources.wikitext.rule import Rule, argument, around, names

NAMES = dict(
    pair.split("=")
    for pair in """af=Afrikaans|am=Amharic|ang=Old English|ar=Arabic|arc=Aramaic|az=Azerbaijani|be=Belarusian|
bg=Bulgarian|bn=Bengali|bo=Tibetan|br=Breton|bs=Bosnian|ca=Catalan|cop=Coptic|cs=Czech|cu=Church Slavonic|cy=Welsh|
da=Danish|de=German|el=Greek|en=English|eo=Esperanto|es=Spanish|et=Estonian|eu=Basque|fa=Persian|fi=Finnish|fr=French|
ga=Irish|gd=Scottish Gaelic|gl=Galician|grc=Ancient Greek|gre=Greek|gu=Gujarati|ha=Hausa|haw=Hawaiian|he=Hebrew|
hi=Hindi|
hr=Croatian|hu=Hungarian|hy=Armenian|id=Indonesian|is=Icelandic|it=Italian|ja=Japanese|jv=Javanese|ka=Georgian|
kk=Kazakh|km=Khmer|kn=Kannada|ko=Korean|ku=Kurdish|ky=Kyrgyz|la=Latin|lb=Luxembourgish|lo=Lao|lt=Lithuanian|lv=Latvian|
mi=Māori|mk=Macedonian|ml=Malayalam|mn=Mongolian|mr=Marathi|ms=Malay|mt=Maltese|my=Burmese|nah=Nahuatl|ne=Nepali|
nl=Dutch|nb=Norwegian Bokmål|nn=Norwegian Nynorsk|no=Norwegian|non=Old Norse|oc=Occitan|ota=Ottoman Turkish|pa=Punjabi|
pl=Polish|ps=Pashto|pt=Portuguese|qu=Quechua|rm=Romansh|ro=Romanian|ru=Russian|sa=Sanskrit|sc=Sardinian|scn=Sicilian|
sco=Scots|sd=Sindhi|sh=Serbo-Croatian|si=Sinhala|sk=Slovak|sl=Slovene|so=Somali|sq=Albanian|sr=Serbian|sv=Swedish|
sw=Swahili|syc=Syriac|ta=Tamil|te=Telugu|tg=Tajik|th=Thai|tk=Turkmen|tl=Tagalog|tr=Turkish|tt=Tatar|uk=Ukrainian|
ur=Urdu|uz=Uzbek|vi=Vietnamese|yi=Yiddish|yo=Yoruba|yue=Cantonese|zh=Chinese|zu=Zulu""".replace("\n", "").split("|")
)
_GERMAN = dict(
    pair.split("=")
    for pair in """ar=arabisch|bg=bulgarisch|cs=tschechisch|da=dänisch|el=griechisch|en=englisch|es=spanisch|
fa=persisch|fi=finnisch|fr=französisch|grc=altgriechisch|he=hebräisch|hu=ungarisch|it=italienisch|ja=japanisch|
ko=koreanisch|la=lateinisch|lt=litauisch|lv=lettisch|nl=niederländisch|no=norwegisch|pl=polnisch|pt=portugiesisch|
ro=rumänisch|ru=russisch|sk=slowakisch|sl=slowenisch|sr=serbisch|sv=schwedisch|tr=türkisch|uk=ukrainisch|
zh=chinesisch""".replace("\n", "").split("|")
)
_SPANISH = dict(
    pair.split("=")
    for pair in [
        "de=en alemán",
        "en=en inglés",
        "fr=en francés",
        "it=en italiano",
        "la=en latín",
        "ru=en ruso",
        "ar=en árabe",
        "el=en griego",
        "ca=en catalán",
        "pt=en portugués",
        "ja=en japonés",
        "zh=en chino",
        "pl=en polaco",
        "he=en hebreo",
        "eu=en euskera",
    ]
)
_CODE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_AUDIO = re.compile(r".*\.(?:ogg|oga|opus|wav|mp3|flac|webm)", re.IGNORECASE | re.DOTALL)
_LABELS = {
    "lang": "English: ", "local": "locally ", "ipa": "", "pron": "pronounced ", "uk": "UK: ", "us": "US: ",
    "also": "also ", "icon": "", "uklang": "UK: ", "uslang": "US: ", "alsouk": "UK also ", "alsous": "US also ",
    "ukalso": "UK also ", "usalso": "US also ", "au": "AU: ", "small": "", "or": " or ", "aulang": "AU: ",
}  # fmt: skip
_SOUNDS = {
    "'": "ˈ", ",": "ˌ", ".": ".", "-": "-", "_": " ", "ae": "æ", "ah": "ɑː", "ai": "aɪ", "ai-": "aɪ", "au": "aʊ",
    "aw": "ɔː",
    "ay": "eɪ", "air": "ɛər", "ar": "ɑːr", "b": "b", "ch": "tʃ", "d": "d", "dh": "ð", "dj": "dʒ", "e": "ɛ", "ee": "iː",
    "ear": "ɪər", "er": "ɜːr", "eh": "ɛ", "f": "f", "g": "ɡ", "h": "h", "i": "ɪ", "ih": "ɪ", "iy": "i", "j": "dʒ",
    "k": "k",
    "l": "l", "m": "m", "n": "n", "ng": "ŋ", "o": "ɒ", "oh": "oʊ", "oi": "ɔɪ", "oo": "uː", "or": "ɔːr", "ou": "oʊ",
    "p": "p",
    "r": "r", "s": "s", "sh": "ʃ", "t": "t", "th": "θ", "u": "ʌ", "uh": "ʌ", "ur": "ɜːr", "v": "v", "w": "w",
    "wh": "hw",
    "y": "j", "z": "z", "zh": "ʒ", "@": "ə", "@r": "ər", "ou-": "oʊ",
}  # fmt: skip

_SOUNDED = "pl|cmn|yue|hu|ga|ja|ko|hi|it|pt|ru|de|nl|es|fr|he"


def label(code: str, language: str) -> str:
    """How the wiki of `language` names the language of a text before it; "" where that is not known here."""
    base = code.partition("-")[0]
    if language in ("en", "simple"):
        return f"{NAMES[base]}: " if base in NAMES else ""
    if language == "de":
        return f"{_GERMAN[base]} " if base in _GERMAN else ""
    if language == "es":
        return f"{_SPANISH[base]} " if base in _SPANISH else ""
    return ""


def of_a_language(name: str, code: str) -> Rule:
    """The rule of `{{lang-xx|text}}` and `{{IPA-xx|sounds}}`."""
    if name.startswith("ipa-"):
        return lambda a, c: f"{label(code, c.language)}[{a[1]}]" if a[1] else None
    if name.startswith(("link-", "ll-")):
        # de's and ru's `{{link-en|Titel|title}}`: the first is what shows.
        return argument(1)
    return labelled(code)


def labelled(code: str) -> Rule:
    def rule(arguments: Arguments, context: Context) -> str | None:
        text = arguments.get("1", "text")
        if not text:
            return None
        before = (
            ""
            if arguments["label"].lower() in ("none", "no") or arguments["links"] == "none"
            else label(code, context.language)
        )
        said = arguments.get("translit", "tr", "2") if context.language in ("en", "simple") else ""
        means = arguments.get("lit", "translation", "3") if context.language in ("en", "simple") else ""
        after = f", romanized: {said}" if said else ""
        return before + text + after + (f", lit. '{means}'" if means else "")

    return rule


def _lang(arguments: Arguments, context: Context) -> str | None:
    return arguments[2] if arguments.has(2) else arguments.get("text", "texte", "texto", "1") or None


def _langx(arguments: Arguments, context: Context) -> str | None:
    if not (text := arguments.get("2", "text")):
        return None
    before = "" if arguments["label"].lower() == "none" else label(arguments[1], context.language)
    said, means = arguments.get("translit", "tr", "3"), arguments.get("lit", "translation", "4")
    return before + text + (f", romanized: {said}" if said else "") + (f", lit. '{means}'" if means else "")


def _transliterated(arguments: Arguments, context: Context) -> str | None:
    """`{{transl|ru|text}}`, `{{transl|ru|scheme|text}}`: the last one."""
    parts = arguments.list()
    return (parts[-1] if parts else "") or None


def _ipa(arguments: Arguments, context: Context) -> str | None:
    """`{{IPA|/x/}}` as it stands; `{{IPA|fr|x}}` in brackets, with the language's name before."""
    parts = [part for part in arguments.list() if not _AUDIO.fullmatch(part)]
    if len(parts) > 1 and _CODE.fullmatch(parts[0]):
        before = "" if arguments["label"].lower() == "none" else label(parts[0], context.language)
        return f"{before}[{parts[1]}]" if parts[1][:1] not in "[/" else before + parts[1]
    return parts[0] if parts else ""


def _english_sounds(arguments: Arguments, context: Context) -> str | None:
    """`{{IPAc-en|ˈ|ɔː|t|ɪ|z|əm}}`: sounds one by one, some under names of ASCII letters, and labels before them."""
    before, sounds = "", ""
    for part in arguments.list():
        if _AUDIO.fullmatch(part):
            continue
        if not sounds and part.lower() in _LABELS:
            before = _LABELS[part.lower()]
        else:
            sounds += _SOUNDS.get(part, part)
    return f"{before}/{sounds}/" if sounds.strip() else None


def _sounds(arguments: Arguments, context: Context) -> str | None:
    """`{{IPAc-pl|k|a|t}}` of other languages."""
    sounds = "".join(part for part in arguments.list() if part not in ("-", "audio") and not _AUDIO.fullmatch(part))
    return f"[{sounds}]" if sounds else None


def _respelled(arguments: Arguments, context: Context) -> str | None:
    out = ""
    for part in arguments.list():
        out += " " if part in ("", "_") else part if not out or out.endswith(" ") else f"-{part}"
    return out or None


def _nihongo(arguments: Arguments, context: Context) -> str | None:
    """`{{nihongo|English|漢字|romaji|extra}}`: English (漢字, romaji, extra)."""
    shown, kanji, romaji, extra, after = (arguments[place] for place in range(1, 6))
    extra = extra or arguments["extra"]
    inside = ", ".join(filter(None, (kanji, romaji, extra)))
    text = f"{shown} ({inside})" if shown and inside else shown or inside
    return f"{text} {after}".strip() or None


def _chinese(arguments: Arguments, context: Context) -> str | None:
    bare_labels = (
        "c=Chinese|s=simplified Chinese|t=traditional Chinese|p=pinyin|hp=Hanyu Pinyin|w=Wade–Giles|j=Jyutping|l="
    )
    labels = [(key, name) for key, _, name in (pair.partition("=") for pair in bare_labels.split("|"))]
    bare = arguments["labels"].lower() == "no"
    shown = [f"{value}" if bare else f"lit. '{value}'" if key == "l" else f"{name}: {value}"
             for key, name in labels if (value := arguments[key])]  # fmt: skip
    return "; ".join(shown) or arguments[1] or None


RULES: dict[str, Rule] = {
    **names("lang|langue|lang1|lengua|språk|sprache|taal|język|rtl-lang|rtl lang|lang-rtl|wikt-lang|langi|nativename2|"
            "native name|native phrase|nativephrase|мова|lang2|bahasa|langr", _lang),
    **names("langx|lang-x", _langx),
    **names("transl|transliteration|xlit|tlit|translit|romaji|translitteration|umschrift", _transliterated),
    **names("ipa|api|afi|ipa2|ipatext|ipa text|ipa-all|lautschrift|мфа|мфа2|uttal|prononciation|pron-ipa", _ipa),
    **names("ipa-en|pron-en|ipaen", lambda a, c: f"/{a[1]}/" if a[1] else None),
    **names("ipac-en|ipac-en2|ipa-c-en", _english_sounds),
    **{f"ipac-{code}": _sounds for code in _SOUNDED.split("|")},
    **names("ipablink|ipa blink|blink", around("[", "]")),
    **names("ipaslink|ipa slink", around("/", "/")),
    **names("ipalink|ipa link|ipa-link", argument(1)),
    **names("respell|respelling|pronunciation respelling|usdict", _respelled),
    **names("nihongo|nihongo2|japanese|jpn text|nihongo krt", _nihongo),
    **names("nihongo3", lambda a, c: f"{a[3]} ({', '.join(filter(None, (a[2], a[1])))})" if a[3] else a[1] or None),
    **names("zh|zh-all|zh-cpl|zh-t|zh-c", _chinese),
    **{f"zh-{key}": around("") for key in ("hans", "hant", "cp", "tp")},
    **names("hebrew|heb|hebrew text|script/hebrew|hebr|grek|grec|grec ancien|lang-grec|polytonic|arabic text|arab|"
            "nastaliq|"
            "nq|script/arabic|script/nastaliq|coptic|script/greek|greek|kana|kanji|zh text|hans|hant|devanagari|syriac|"
            "cyrl|cyrillic|fonetica|unicode cap|script/cyrillic|runic|gothic|sinhala|tamil|thai|aramaic|iast|iast2|"
            "arab-script|grc", argument(1)),
    **names("unichar", lambda a, c: f"U+{a[1].upper()} {a[2]}".strip() if a[1] else None),
    **names("lit|literal translation|literally", lambda a, c: f"lit. '{a[1]}'" if a[1] else "lit."),
    **names("gloss|gcl", lambda a, c: f"'{a[1]}'" if a[1] else None),
    **names("native name list|script-lang", lambda a, c: a[2] or a[1] or None),
}  # fmt: skip
