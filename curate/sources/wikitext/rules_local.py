"""Templates of one language's wiki, where their names mean something there that they do not mean elsewhere."""

from __future__ import annotations

import re

from curate.sources.wikitext.arguments import Arguments
from curate.sources.wikitext.context import Context
from curate.sources.wikitext.numbers import with_separators
from curate.sources.wikitext.rule import Rule, argument, around, constant, joined, names
from curate.sources.wikitext.rules_dates import written
from curate.sources.wikitext.scripts import raised

_EXPONENT = re.compile(r"[-−+]?[0-9]{1,2}")


def _french_unit(arguments: Arguments, context: Context) -> str | None:
    """`{{unité|100000|km|2}}`: 100 000 km²; units and their exponents take turns."""
    if not arguments[1]:
        return None
    text = with_separators(arguments[1], "fr")
    if power := arguments["e"]:
        text += f" × 10{raised(power)}"
    for part in arguments.list(2):
        if _EXPONENT.fullmatch(part) and not text[-1].isdigit():
            text += raised(part)
        elif part:
            text += f"\u00a0{part}"
    return text


def _time(arguments: Arguments, context: Context) -> str:
    """`{{heure|14|30}}`: 14 h 30."""
    parts = arguments.list()
    return "".join(
        f" {sign}{' ' if number else ''}{number}" if place else f"{number}"
        for place, (number, sign) in enumerate(zip(parts[:3], ("", "h", "min"), strict=False))
    ) + (" h" if len(parts) == 1 else "")


def _century(after: str = "siècle", before_christ: bool = False) -> Rule:
    def rule(arguments: Arguments, context: Context) -> str | None:
        number = arguments[1]
        if not number:
            return None
        ending = arguments[2] or ("er" if number == "I" else "e")
        return f"{number}{ending} {after}".rstrip() + (" av. J.-C." if before_christ else "")

    return rule


def _centuries(arguments: Arguments, context: Context) -> str | None:
    """`{{sp-|XVIII|au|XIX}}`, `{{s2-|XVIII|XIX}}`: two centuries with a word between."""
    parts = [part for part in arguments.list() if part and part not in ("e", "er", "s", "-")]
    words = [f"{part}e" if part.isupper() and part != "I" else "Ier" if part == "I" else part for part in parts]
    if not words:
        return None
    if len(words) == 2:
        words.insert(1, "et")
    return " ".join(words) + (" siècle" if len(words) < 4 else "")


def _french_link(arguments: Arguments, context: Context) -> str | None:
    """`{{lien|fr=Titre|texte=montré|lang=en|trad=Title}}`."""
    return arguments.get("texte", "text", "fr", "1", "trad") or None


def _quoted(open_sign: str, close_sign: str) -> Rule:
    def rule(arguments: Arguments, context: Context) -> str | None:
        text = arguments.get("1", "texte", "text", "texto", "testo", "citation", "cita")
        return f"{open_sign}{text}{close_sign}" if text else None

    return rule


def _german_quote(arguments: Arguments, context: Context) -> str | None:
    """`{{Zitat|Text|Autor=…}}`, `{{Zitat|Sprache…}}`: the text in quotation marks, then who said it."""
    text = arguments.get("1", "Text")
    by = ", ".join(filter(None, (arguments.get("Autor", "2"), arguments.get("Quelle", "3"))))
    return f"\n\n„{text}“\n\n" + (f"– {by}\n\n" if by else "") if text else None


def _german_height(arguments: Arguments, context: Context) -> str | None:
    """`{{Höhe|123|DE-NHN}}`: 123 m ü. NHN."""
    if not arguments[1]:
        return None
    datum = arguments[2].rpartition("-")[2].upper()
    above = {"NHN": "ü. NHN", "NN": "ü. NN", "AT": "ü. A.", "CH": "ü. M.", "": "m"}.get(datum, f"ü. {datum}")
    return f"{with_separators(arguments[1], 'de')}\u00a0m" + ("" if above == "m" else f" {above}")


def _spanish_date(arguments: Arguments, context: Context) -> str | None:
    parts = arguments.list()
    if len(parts) < 3:
        return parts[0] if parts else None
    day, month, year = parts[:3] if len(parts[0]) < 3 else reversed(parts[:3])
    return written(year, month, day, context.language, True)


def _spanish_century(arguments: Arguments, context: Context) -> str | None:
    """`{{siglo|XIX||s}}`: siglo XIX."""
    if not arguments[1]:
        return None
    word = {"s": "siglo ", "S": "Siglo ", "": "siglo "}.get(arguments[3], "")
    return f"{word}{arguments[1]}" + (f" {arguments[2]}" if arguments[2] else "")


def _portuguese_century(arguments: Arguments, context: Context) -> str | None:
    before = {"-": " a.C.", "a.C.": " a.C.", "d.C.": " d.C."}.get(arguments[2], "")
    return f"século {arguments[1]}{before}" if arguments[1] else None


def _unit(arguments: Arguments, context: Context) -> str | None:
    """`{{unidad|5|km}}`, `{{M|100|u=km}}`: a number and its unit, unconverted."""
    if not arguments[1]:
        return None
    unit = arguments.get("2", "ul", "u", "unité")
    return " ".join(filter(None, (with_separators(arguments[1], context.language), unit)))


def _italian_quote(arguments: Arguments, context: Context) -> str | None:
    """`{{Citazione|testo|autore|originale}}`."""
    text, by = arguments.get("1", "testo"), arguments.get("2", "autore")
    return f"\n\n«{text}»\n\n" + (f"({by})\n\n" if by else "") if text else None


def _italian_measure(arguments: Arguments, context: Context) -> str | None:
    """`{{M|1|c|m}}`, `{{M|100|ul=km}}`: the number as it was written, a prefix and its unit."""
    number, unit = arguments[1], arguments[2] + arguments.get("3", "ul", "u")
    return f"{number}\u00a0{unit}".strip("\u00a0") if number else None


def _not_translated(arguments: Arguments, context: Context) -> str | None:
    """Russian's and Ukrainian's `{{нп5|Title|shown|en|title}}`: a link to an article that is not there yet."""
    return arguments[2] or arguments[1] or None


def german_country(arguments: Arguments, context: Context) -> str | None:
    """`{{CHN|Ziel=Peking}}`: a flag, and the place where one is named."""
    return arguments["Ziel"] or None


def _doubted(arguments: Arguments, context: Context) -> str:
    """A passage that wants a source: `{{citazione necessaria|testo|data}}`. It may have the date alone."""
    return arguments[1] if _PASSAGE.search(arguments[1]) else ""


# From the beginnings of words alone: from each letter it would take squares of a long word.
_PASSAGE = re.compile(r"(?<![^\W\d_])[^\W\d_]++[ ,;:]++[^\W\d_]++[ ,;:]++[^\W\d_]{2,}")
_DOUBTED: dict[str, Rule] = names(
    "citazione necessaria|senza fonte|chiarire|carece de fontes|carece fontes|feit|bron?|källa behövs|kb|fakta|fakt|cn|"
    "cita requerida|falta cita|demostrar|cal citació|citació necessària|referència|doplňte zdroj|fakt?|"
    "nejistá|treba navod|"
    "citat potreban|činjenica|potreben vir|kaynak belirt|джерело?|нет источника|нет аи|источник?|trådløs|facts|"
    "mangler kilde|kilde mangler|тр|факт|source?|refnec|référence souhaitée|passage à actualiser",
    _doubted,
)
_FRENCH_SMALL = {
    "ier": "Ier", "1er": "1er", "1re": "1re", "ière": "Ière", "ire": "Ire", "er": "er", "ère": "ère", "e": "e",
    "ème": "e",
    "re": "re", "2e": "2e", "3e": "3e", "nd": "nd", "nde": "nde", "n°": "no", "n°s": "nos", "numéro": "no",
    "vol.": "vol.",
    "av jc": "av. J.-C.", "ap jc": "apr. J.-C.", "av. j.-c.": "av. J.-C.", "ap. j.-c.": "apr. J.-C.", "p.": "p.",
    "§": "§",
    "mme": "Mme", "mlle": "Mlle", "mgr": "Mgr", "dr": "Dr", "me": "Me", "mr": "M.", "s.": "s.", "st": "St",
    "ste": "Ste",
    "augmentation": "", "augmentation négative": "", "diminution": "", "+": "+", "-": "−", "clr": "", "sp": " ",
}  # fmt: skip
_ROMAN = "II|III|IV|V|VI|VII|VIII|IX|X|XI|XII|XIII|XIV|XV|XVI|XVII|XVIII|XIX|XX|XXI"
_ROMAN_E = {f"{roman.lower()}e": f"{roman}e" for roman in _ROMAN.split("|")}

RULES: dict[str, dict[str, Rule]] = {
    "fr": {
        **{name: constant(text) for name, text in {**_ROMAN_E, **_FRENCH_SMALL}.items()},
        **names("unité|unite|unités|unité/2", _french_unit),
        **names("heure|h", _time),
        **names("s-|s|siècle|s-s|ssaint", _century()),
        **names("-s|-s-|s- av jc|sav", _century(before_christ=True)),
        **names("s mini-|s mini", _century("s.")),
        **names("mill-|millénaire|mill", _century("millénaire")),
        **names("-mill|-mill-", _century("millénaire", before_christ=True)),
        **names("sp-|sp|s2-|s2|s3-", _centuries),
        **names("lien|lien rouge|lien interlangue", _french_link),
        **names("citation|citation étrangère|quote|début citation", _quoted("« ", " »")),
        **names("incise", lambda a, c: f" – {a[1]}" + ("" if a["stop"] or a[2] == "stop" else " –")),
        **names("souverain|souverain-|souverain2|souverain3|monarque", lambda a, c: a["texte"] or a[1] or None),
        **names("nobr romains|nobr romain|rom|romain|rom-maj|petitescaps|pc|sc|lnobr|nom de bateau|navire|"
                "langue avec nom|cita|passage évasif|référence souhaitée|référence nécessaire|refnec|"
                "référence à confirmer|"
                "quand|qui|lequel|laquelle|quoi|où|combien|pas clair|pertinence|non neutre|refins|passage non neutre|"
                "à sourcer|prononciation|msapi|api|phon|japonais|date républicaine|abréviation|abréviation discrète|"
                "code|titre en couleur|surligner", argument(1)),
        **names("tmp|température", lambda a, c: f"{a[1]} {a[2] or '°C'}".strip()),
        **names("coord", lambda a, c: ""),
    },
    "de": {
        **names("zitat|zitat-it|zitat-la|zitat-fr|zitat-en", _german_quote),
        **names("\"|„", _quoted("„", "“")),
        **names("höhe", _german_height),
        **names("farblegende|legende", lambda a, c: a[2] or None),
        **names("absatz|·|leerzeile", lambda a, c: "\n" if a.positional == 0 else a[1]),
        **names("§", lambda a, c: f"§ {a[1]}" if a[1] else None),
        **names("nnbsp|schmal", constant("\u202f")),
        **names("su", lambda a, c: a[1]),
        **names("erw", argument(1)),
        **names("sic", lambda a, c: "[sic]"),
        **names("esa|bibel", joined(" ")),
        "esp": german_country,
    },
    "es": {
        **names("fecha|date|fecha-", _spanish_date),
        **names("siglo|s|siglos", _spanish_century),
        **names("unidad|unid|unit", _unit),
        **names("cita|cita requerida texto|citar texto|quote text", _quoted("«", "»")),
        **names("ac", constant("a. C.")),
        **names("dc", constant("d. C.")),
        **names("a. c.|adc|a.c.", constant("a. C.")),
        **names("años|edad", lambda a, c: None),
        **names("nombre|nowrap2|resaltar|nihongo2|transl", argument(1)),
    },
    "pt": {
        **names("séc|séc.|século|sec", _portuguese_century),
        **names("fmtn|unidade", _unit),
        **names("dtlink|data|dn", _spanish_date),
        **names("carece de fontes|quem|quando", constant("")),
        **names("ac|a.c.", constant("a.C.")),
        **names("dc|d.c.", constant("d.C.")),
    },
    "it": {
        **names("m|ta num|num", _italian_measure),
        **names("m s.l.m.", constant("m s.l.m.")),
        **names("exp", lambda a, c: raised(a[1])),
        **names("cita|\"|citazione breve", lambda a, c: f"«{a[1]}»" if a.positional == 1 and not a["titolo"] else ""),
        **names("citazione|q|quote", _italian_quote),
        **names("lingue|lingua", constant("")),
        **names("n!", constant("")),
        **names("simplenuclide2|simplenuclide", lambda a, c: f"{a[1]}-{a[2]}" if a[2] else a[1]),
        **names("rosso|verde|blu|sfondo", argument(1)),
        **names("ipa|afi", argument(1)),
        **names("formatnum", argument(1)),
    },
    "ru": {
        **names("нп|нп1|нп2|нп3|нп4|нп5|не переведено|не переведено 1|не переведено 2|не переведено 3|не переведено 4|"
                "не переведено 5|iw", _not_translated),
        **names("s|е|nobr|nowrap|прописью|comment|abbr|цветной текст|тире", argument(1)),
        **names("юлдат|oldstyledate", lambda a, c: a[1]),
        **names("дата|dts", lambda a, c: written(a[3], a[2], a[1], "ru", True) if a[3] else a[1] or None),
        **names("до н. э.|до н.э.", constant("до н. э.")),
        **names("н. э.|н.э.", constant("н. э.")),
        **names("num|число|nts", lambda a, c: with_separators(a[1], "ru") + (f" {a[2]}" if a[2] else "")),
        **names("начало цитаты|конец цитаты|цитата", lambda a, c: f"«{a[1]}»" if a[1] else ""),
    },
    "uk": {
        **names("нп|нп2|нп3|нп5|не перекладено|iw|li", _not_translated),
        **names("до н. е.|до н.е.", constant("до н. е.")),
    },
    "nl": {
        **names("bron?|feit|citaat nodig", constant("")),
        **names("citaat|cquote", _quoted("„", "”")),
        **names("euro", lambda a, c: f"€ {a[1]}".strip()),
        **names("nihongo", lambda a, c: a[1]),
    },
    "sv": {
        **names("nowrap|nobr|språk", argument(1)),
        **names("källa behövs|citat behövs|fakta", constant("")),
        **names("citat", lambda a, c: f"\n\n{a[1]}\n\n" if a[1] else None),
    },
    "pl": {
        **names("unormowana|j|w języku|nowrap", argument(1)),
        **names("cytat", lambda a, c: f"\n\n{a[1]}\n\n" if a[1] else None),
        **names("kj", lambda a, c: argument(1)(a, c)),
    },
    "cs": {
        **names("vjazyce|vjazyce2|cizojazyčně", lambda a, c: a[2] or ""),
        **names("citát|citát v rámečku", lambda a, c: f"\n\n{a[1]}\n\n" if a[1] else None),
        **names("datum|den", lambda a, c: written(a[3], a[2], a[1], "cs", True) if a[3] else a[1] or None),
    },
    "ca": {
        **names("segle|segle2", lambda a, c: f"segle {a[1]}" if a[1] else None),
        **names("unitat|unitats", _unit),
    },
    "ar": {**names("ألمانية|إنجليزية|فرنسية|إنج|لاتينية|إيطالية|إسبانية|روسية|إنك|يونانية|تركية|فارسية",
                   lambda a, c: a[1] or None)},
    "he": {**names("ר|כ|ס:", constant("")), **names("אנ|צרפתית|גרמנית", around(""))},
}  # fmt: skip

for _language in ("it", "pt", "nl", "sv", "pl", "es", "ca", "cs", "hr", "sl", "tr", "uk", "ru", "da", "no", "bg", "sr"):
    RULES[_language] = {**RULES.get(_language, {}), **_DOUBTED}
for _dialect in ("als", "bar", "lb", "nds", "ksh", "pdc", "stq", "frr"):
    RULES[_dialect] = RULES["de"]
