"""Templates that only dress their text, put signs between, or make lists and quotations of it."""

from __future__ import annotations

import re

from curate.sources.wikitext.arguments import Arguments
from curate.sources.wikitext.codes import LANGUAGES
from curate.sources.wikitext.context import Context
from curate.sources.wikitext.marks import BREAK
from curate.sources.wikitext.rule import Rule, argument, around, constant, joined, lines, names
from curate.sources.wikitext.scripts import lowered, raised

_FIRST = """
nowrap|nobr|nobreak|nobold|nobold span|noitalic|small|smaller|smalldiv|big|bigger|larger|large|huge|resize1|sc|
smallcaps|
small caps|sc2|allcaps|caps|smallcaps all|uc|nocaps|em|emph|strong|italic|italics|bold|bolditalic|i|b|mono|
monospace|code|
kbd|samp|var|tt|pre|math|mvar|abbr|tooltip|hover title|hover|abbrlink|abbrv|vanchor|visible anchor|anchor text|
underline|
u|overline|overset|strikethrough|s|strike|del|ins|not a typo|nat|typo|proper name|as written|text|1x|script|unicode|
music text|cslist|citation needed span|cn span|clarify span|disputed inline span|specify span|page needed span|
refneeded span|fact span|plain link|plainlink|plainlinks|plain text|left|right|center|centre|align center|block indent|
blockindent|in5|indent|gap text|nee text|okina|wikt|mono2|nobr2|nowrap2|plainlist|plain list|flatlist|flat list|
startplainlist|longitem|long item|nobullet|hlist text|smallsup|double underline|rotate|
avoid wrap|nbr|nowr|tutto attaccato|maiuscoletto|petites capitales|versalete|versalitas|kapitälchen|esd|ta|
color text|noprint|screen reader-only text|didascalia|testo|grande|piccolo|petit|pequeño|klein|mindre|liten|мелкий|
nobr begin text|nowiki text|tl text|keypress text|lj|
"""
_SECOND = """
font color|colored text|font|fontcolor|textcolor|text color|color|colour|fg|bg|resize|font size|size|
hover text|linktext2|link text|no spam|couleur|farbe|färg|font colour|larger2|rgb
"""
_SIGNS = {
    "!": "|", "pipe": "|", "=": "=", "equals": "=", "(": "{", ")": "}", "((": "{{", "))": "}}", "!!": "||", "(!": "",
    "!)": "", "'": "'", '"': '"', "'s": "'s", "'-": "'", "-'": "'", "\"'": "\"'", "'\"": "'\"", "ast": "*",
    "asterisk": "*",
    "ndash": "–", "endash": "–", "en dash": "–", "mdash": "—", "emdash": "—", "em dash": "—", "-–": "–",
    "snd": " – ", "spnd": " – ", "spaced ndash": " – ", "spaced en dash": " – ", "dash": " – ", "–": " – ",
    "sndash": " – ",
    "spaced mdash": " — ", "spaced em dash": " — ", "mdashb": "—", "ndashb": "–", "—": " — ", "snds": " – ",
    "nbsp": "\u00a0", "thinsp": "\u2009", "thin space": "\u2009", "hairsp": "\u200a", "hair space": "\u200a",
    "nnbsp": "\u202f", "ensp": " ", "emsp": " ", "sp": " ", "space": " ", "spaces": " ", "figure space": " ",
    "pad": " ",
    "gap": " ", "•": " • ", "bull": " • ", "bullet": " • ", "dot": " · ", "·": " · ", "middot": "·", "interpunct": "·",
    "\\": " / ", "/": " / ", "slash": "/", "...": "...", "ellipsis": "...", "[": "[", "]": "]", "lbrack": "[",
    "rbrack": "]",
    "colon": ":", "hash": "#", "number sign": "#", "deg": "°", "degree": "°", "prime": "′", "pprime": "″", "times": "×",
    "minus": "−", "plus": "+", "sharp": "♯", "flat": "♭", "natural": "♮", "euro": "€", "pound": "£", "yes": "Yes",
    "yes2": "Yes", "no": "No", "no2": "No", "ya": "Yes", "na": "N/A", "n/a": "N/A", "unknown": "Unknown", "tba": "TBA",
    "increase": "▲", "decrease": "▼", "steady": "", "male": "♂", "female": "♀", "†": "†", "dagger": "†",
    "double-dagger": "‡",
    "‡": "‡", "zero width joiner em dash zero width non joiner": "—", "hyphen": "-", "apostrophe": "'", ",": ", ",
    "wj": "", "shy": "", "okina": "ʻ", "hamza": "ʼ", "ayin": "ʽ", "section sign": "§", "spades": "♠", "hearts": "♥",
}  # fmt: skip


def _quote(arguments: Arguments, context: Context) -> str | None:
    """A quotation and who said it: `{{quote|text|author|source}}`."""
    text = arguments.get("text", "quote", "1", "texto", "testo", "content", "citation", "zitat", "original")
    by = arguments.get("author", "sign", "by", "2", "autor", "auteur", "autore")
    source = arguments.get("source", "title", "3", "quelle", "fuente", "fonte")
    signed = ", ".join(filter(None, (by, source)))
    return f"\n\n{text}\n\n" + (f"— {signed}\n\n" if signed and text else "") if text else ""


def _cquote(arguments: Arguments, context: Context) -> str | None:
    """As `{{quote}}`, but arguments 2 and 3 are sizes: the author is the fourth."""
    text = arguments.get("text", "quote", "1")
    signed = ", ".join(
        filter(None, (arguments.get("author", "sign", "by", "4"), arguments.get("source", "title", "5")))
    )
    return f"\n\n{text}\n\n" + (f"— {signed}\n\n" if signed else "") if text else ""


def _in_line_list(arguments: Arguments, context: Context) -> str:
    return " · ".join(filter(None, arguments.list()))


def _fraction(arguments: Arguments, context: Context) -> str | None:
    parts = arguments.list()
    if not parts or len(parts) > 3:
        return None
    if len(parts) == 1:
        return f"1⁄{parts[0]}"
    over = f"{parts[-2]}⁄{parts[-1]}"
    return over if len(parts) == 2 else f"{parts[0]} {over}"


def _slash_fraction(arguments: Arguments, context: Context) -> str | None:
    parts = arguments.list()
    if not parts or len(parts) > 3:
        return None
    if len(parts) == 1:
        return f"1/{parts[0]}"
    above, below = (f"({part})" if _SUM.search(part) else part for part in parts[-2:])
    over = f"{above}/{below}"
    return over if len(parts) == 2 else f"{parts[0]} {over}"


def _chemistry(arguments: Arguments, context: Context) -> str:
    """`{{chem|H|2|O}}`: elements and numbers take turns."""
    shown = []
    for part in arguments.list():
        if (part[-1:] in "+-−" and part[:-1].isdigit()) or part in ("+", "-", "−"):
            shown.append(raised(part))
        else:
            shown.append(lowered(part) if part.isdigit() else part)
    return "".join(shown)


def _formula(arguments: Arguments, context: Context) -> str:
    """`{{chem2|Fe2O3}}`: digits behind a letter or bracket are lowered."""
    out: list[str] = []
    for part in arguments.list():
        for at, sign in enumerate(part):
            before = part[at - 1] if at else ""
            sinks = sign.isdigit() and (
                before.isalpha() or before in (")", "]") or (bool(out) and out[-1] in "₀₁₂₃₄₅₆₇₈₉")
            )
            out.append(lowered(sign) if sinks else sign)
    return "".join(out)


def _sic(arguments: Arguments, context: Context) -> str:
    text = "".join(arguments.list())
    if arguments.get("hide").lower() in ("y", "yes", "1"):
        return text
    return f"{text} [sic]" if text else "[sic]"


def _repeated(sign: str) -> Rule:
    return lambda arguments, context: sign


def _ship(arguments: Arguments, context: Context) -> str | None:
    """`{{ship|HMS|Victory}}`, `{{HMS|Victory}}` with its prefix before; arguments 3, 4 say what a link shows."""
    parts = arguments.list()
    return " ".join(filter(None, parts[:2])) + _hull(parts[2:], arguments) if parts else None


def _hull(rest: list[str], arguments: Arguments) -> str:
    hull = rest[0] if rest else ""
    shown = rest[1] if len(rest) > 1 else ""
    return f" ({hull})" if hull and shown in ("", "6") and any(c.isdigit() for c in hull) and len(hull) < 12 else ""


def _named_ship(prefix: str) -> Rule:
    def rule(arguments: Arguments, context: Context) -> str | None:
        parts = arguments.list()
        if not parts:
            return None
        return (f"{prefix} {parts[0]}" if arguments.get("3") != "2" else parts[0]) + _hull(parts[1:], arguments)

    return rule


def _ship_class(arguments: Arguments, context: Context) -> str | None:
    name, kind = arguments[1], arguments[2]
    return f"{name}-class {kind}".strip() if name else None


def _interlanguage(arguments: Arguments, context: Context) -> str | None:
    """`{{ill|Title|fr|Titre|lt=shown}}`: what a link to another wiki's page shows, without the small [fr]."""
    shown = arguments.get("lt", "display")
    # Once the language came first: `{{ill|de|Titel|shown}}`.
    if not shown and arguments[1] in LANGUAGES and arguments[2]:
        return arguments[3] or arguments[2]
    return shown or arguments.get("1", "en", "title") or None


def _window(arguments: Arguments, context: Context) -> str:
    """Keys to press: `{{keypress|Ctrl|C}}`."""
    return "+".join(filter(None, arguments.list()))


def _columns(arguments: Arguments, context: Context) -> str | None:
    """What is only set in columns: `{{columns-list|…}}`, German's `{{Mehrspaltige Liste|liste=…}}`."""
    texts = [value for key, value in arguments.items() if _COLUMN.fullmatch(key) and not _WIDTH.fullmatch(value)]
    return "\n" + "\n".join(texts) + "\n" if texts else None


def _sorted_name(arguments: Arguments, context: Context) -> str:
    return " ".join(filter(None, (arguments[1], arguments[2])))


def _hatnote_free_verse(arguments: Arguments, context: Context) -> str:
    return (
        "\n\n"
        + "\n\n".join(filter(None, (arguments.get("lang1text", "1"), arguments.get("translation", "2"))))
        + "\n\n"
    )


_SUM = re.compile(r"\S ?[-+−±] ?\S")
_COLUMN = re.compile(
    r"[1-9]|(?:liste|text|texte|inhalt|contenuto|content|contenu|kolom|colonne|col|list)[1-9]?", re.IGNORECASE
)
_WIDTH = re.compile(r"[0-9. ]*(?:px|em|%|rem)?|(?:taille|nombre|width|colwidth)=.*")
_SHIPS = (
    "HMS|USS|SS|MS|MV|RMS|HMAS|HMCS|HMNZS|SMS|USCGC|USAT|USNS|RFA|ORP|INS|HNoMS|HDMS|HSwMS|USRC|USAV|FS|ROCS|GTS|TS|PS"
)

RULES: dict[str, Rule] = {
    **names(_FIRST, argument(1)),
    **names(_SECOND, lambda a, c: a[2] or a[1]),
    **{name: constant(sign) for name, sign in _SIGNS.items()},
    **names(
        "quote|blockquote|quotation|bquote|quotetext|long quote|lquote|quote text|block quote|citazione|citation bloc|"
        "début citation|cita bloque|citar|citação2|citação|quotebox|cytat|citát|citat|idézet|citaat|navod|сitat|"
        "цитата|початок цитати|иначе цитата",
        _quote,
    ),
    **names("cquote|centered pull quote|pull quote|pullquote|bq|rquote text|quote frame", _cquote),
    **names('"|qq|q text|inline quote|“|„', around("“", "”")),
    **names("hlist|flatlist2|horizontal list|dotlist|h list", _in_line_list),
    **names(
        "ubl|unbulleted list|ublist|vunblist|plainlist2|plain list2|unbullet list|listify|nbl",
        lambda a, c: lines(a.list()),
    ),
    **names(
        "bulleted list|blist|bulletedlist|bullet list|unordered list|ordered list|olist|pagelist",
        lambda a, c: lines(a.list(), "* "),
    ),
    **names(
        "columns-list|columns list|mehrspaltige liste|colonnes|kolommen2|kolommen3|multi-column list|colonne|kolonner",
        _columns,
    ),
    **names("frac|fraction|vulgar fraction|bruch|fract", _fraction),
    **names("sfrac|sfraction|tfrac|frac2|bruch2", _slash_fraction),
    **names("chem|e-chem", _chemistry),
    **names("chem2|ce|chemical formula|fchim|fcm", _formula),
    **names("poem|poemquote|poem quote", lambda a, c: "\n\n" + a.get("1", "text").replace("\n", BREAK) + "\n\n"),
    **names("sup|superscript|exposant|supsub|e sup|hoch", lambda a, c: raised(a[1])),
    **names("sub|subscript|indice|tief", lambda a, c: lowered(a[1])),
    **names(
        "su|sub sup|subsup|supersub",
        lambda a, c: a[1] + lowered(a.get("b", "sub", "2")) + raised(a.get("p", "sup", "3")),
    ),
    **names("sic|sic!|recte", _sic),
    **names("angbr|angle bracket|grapheme|grapheme text|angle", around("⟨", "⟩")),
    **names("angbr ipa|angbripa", around("⟨", "⟩")),
    **names("slash text|phoneme", around("/", "/")),
    **names("bracket|brackets|interp|square bracket|squarebrackets|crochets", around("[", "]")),
    **names("abs|mabs", around("|", "|")),
    **names("norm", around("‖", "‖")),
    **names("sqrt|radic|√", around("√")),
    **names("keypress|key press|key|button|mod key|keyboard|menu text|tast|taste|touche", _window),
    **names("linktext|link text2|lt", joined(" ")),
    **names("ship", _ship),
    **names("sclass|sclass-|sclass2|sclass2-|ship class", _ship_class),
    **{name.lower(): _named_ship(name) for name in _SHIPS.split("|")},
    **names(
        "ill|interlanguage link|illm|ill2|ill-wd|interlanguage link multi|link-interwiki|ill-wd2|iw|iw2|red link|"
        "link if exists|inter-language link|tsl|illang|internal link helper",
        _interlanguage,
    ),
    **names("sortname|sort name|sname", _sorted_name),
    **names("sort|srt|hs text|tri|sortierung", lambda a, c: a[2] or a[1]),
    **names("hs|ntsh|dtsh|hidden sort key|sort key|sortkey|hidden sort", constant("")),
    **names("verse translation|poem translation|poemtranslation", _hatnote_free_verse),
    **names(
        "flag|flagcountry|flagu|country|flag country|flagathlete|team flag|pays|país|land|flagdata|flagg|"
        "vlag en naam|bandera2|flaga państwo",
        lambda a, c: a.get("name", "1") or None,
    ),
    **names("legend text|color box text|legend inline", lambda a, c: a[2]),
    **names("oed|sec text|see below text", argument(1)),
    **names("usd|us$|usdollar", around("US$")),
    **names("gbp|£|pound sterling", around("£")),
    **names("eur|€|euros", around("€")),
    **names("inr|₹|indian rupee|indianrupee|rs.", around("₹")),
    **names("aud|a$", around("A$")),
    **names("cad|can$|c$", around("C$")),
    **names("nzd|nz$", around("NZ$")),
    **names("jpy|¥|yen", around("¥")),
    **names("cny|rmb", around("CN¥")),
    **names("krw|₩", around("₩")),
    **names("rub|₽", around("₽")),
    **names("brl|r$", around("R$")),
    **names("hkd|hk$", around("HK$")),
    **names("music", lambda a, c: {"flat": "♭", "sharp": "♯", "natural": "♮"}.get(a[1], a[1])),
    **names("gregorian serial date text|esoteric", argument(1)),
    **names("verify spelling text|vs", constant("")),
}
