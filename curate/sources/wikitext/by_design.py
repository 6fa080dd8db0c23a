"""Templates that go with all they hold, because they are no running text: boxes, references, navigation, maintenance.

By name, over all languages: the names are those of the templates' own pages, lower-cased, with blanks for "_".
"""

from __future__ import annotations

import re
from functools import lru_cache

_BEGINNINGS = (
    # boxes beside the text, and at its foot
    "infobox|info box|infobx|infoboks|infokast|infoskreine|infotaula|infokutija|infoboite|info/|ficha de|ficha|taxobox|"
    "tassobox|taxobox|taxotabla|speciesbox|automatic taxobox|subspeciesbox|chembox|drugbox|geobox|starbox|planetbox|"
    "navbox|nav box|navigat|navegac|navegaç|palette|sidebar|succession|s-|campaignbox|weather box|climate|"
    "bloque|barra de|tabla|historical pop|us census|multiple image|double image|triple image|wide image|image|gallery|"
    "graph:|chart|bar box|bartable|family tree|familytree|chart top|tree chart|cladogram|external media|"
    "карточка|картка|инфокутия|инфокутија|кутијица|навигац|навігац|шаблон:|"
    "بطاقة|جعبه|صندوق|תבנית|"
    # references
    "cite|citeer|cita |cita_|citar|citace|citát|citat web|citation/|harv|sfn|refn|efn|ref-|ref |refbegin|refend|"
    "reflist|"
    "notelist|note list|webarch|wayback|archive|dead link|lien brisé|lien web|ouvrage|article |chapitre|erreferentzia|"
    "literatur|internetquelle|webref|webbref|tidskriftsref|bokref|kilde|navedi|наведи|наведен|cytuj|citation web|"
    "chú thích|web kaynağı|kaynak|مرجع|استشهاد|یادکرد|ouvrage|книга|статья|публикация|публікація|"
    "isbn|issn|doi|oclc|pmid|jstor|arxiv|bibcode|lccn|imdb|discogs|musicbrainz|"
    # what stands above the text, and says where else to read
    "about|for |for2|other |otheruses|other uses|redirect|distinguish|hatnote|main |main article|see also|further|"
    "details|more info|siehe|hauptartikel|begriffsklärungshinweis|article détaillé|voir|artículo principal|ap|vedi|"
    "nota disambigua|zie |artikel|główny|osobny artykuł|основна|основная|см. также|см.|головна|главна|detaljert|"
    "huvudartikel|hovedartikel|hlavní článek|detail|"
    # other projects, portals, control
    "commons|wiki|portal|portail|interprogetto|autres projets|sister|projets|schwesterprojekt|zusterproject|"
    "authority|normdaten|autorité|controllo di autorità|control de autoridades|controle de autoridade|bibliothèque|"
    "thesaurus|library resources|librivox|gutenberg|internet archive|google books|find a grave|official website|"
    "subject bar|spoken|gesproken|gesprochen|"
    # maintenance
    "use |pp-|protected|good article|featured|link ga|link fa|link adq|link v|lien adq|short desc|unreferenced|"
    "refimprove|more |cleanup|citation needed|citation style|citazione necessaria|référence nécessaire|refnec|"
    "original research|pov|npov|update|dubious|disputed|expand|stub|multiple issues|unsourced|one source|"
    "primary source|"
    "better source|failed ver|page needed|who|when|which|where|whom|why|by whom|according to|clarify|clarification|"
    "vague|weasel|peacock|relevance|verify|copy edit|copyedit|tone|advert|coi|notability|merge|split|move|confus|"
    "technical|too |very long|long|lead|inconsist|bare url|nadabeigts|abbozzo|ébauche|esbozo|esboço|начало|zalążek|"
    "uporządkuj|чистити|нет ај|нет аи|нет источ|chiarire|senza fonti|sf|no more links|nomorelinks|"
    "defaultsort|default sort|persondata|personendaten|metadat|coor |coor_|toc|compact toc|authority control|"
    "anchor|engvar|bots|italic title|displaytitle|lowercase|correct title|wrongtitle|titre|"
    "sort name|geographic location|location map|mapframe|maplink|positionskarte|karte|osm|geogroup|"
    "flagicon|flagdeco|fb |fbicon|ikona|bandera|bandeira|bandiera|drapeau|drapel|флаг|прапор|знаме|flaga|vlag|"
    "tennis|tabel|tabla|standing|round|team bracket|"
    "audio|listen|hörbeispiel|video|media|youtube|"
    "category|kategorie|categor"
)
_EXACT = """
    byline|gph|anker|language icon|språkikon|wikidata|wikiatlas|url|web oficial|dmoz|worldcat id|nyttopic|govpubs|
    guardian topic|army|mactutor|vlagland|bayraksimge|cartafueyu|banergwlad|прапорець|tabelcel tennis|sfencyclopedia|
    catholic encyclopedia|atp|tennishof|inflation/fn|see below|ws|lse|
    decennio|f|nota|nn|vetrina|link vdq|iucn|ip|colore|torna a|s sezione|galleria|gemellaggio|comuniamminprec|
    comuniamminprectitolo|comuniamminprecfine|immagine grande|nota disambigua2|senza fonte|cassetto|gallery|galerie|
    use dmy dates|use mdy dates|short description|wiktionary|sep|iep|in our time|imslp|cantorion|midsize|pwre|
    kolommen2|zie ook|zie hoofdartikel|zie artikel|panorama|panoramica|kardeş şehir|webarşiv|
    colonnes|article connexe|bloco de navegação|naviblock|imagemap berlin1|adb|chính|toàn cảnh|koord|irudi zabala|vt|
    панорама|том зураг|se även|link audio|cytys zeimeibys|הארץ|גלובס|themarker|gotravel|صورة عريضة|شريط بوابات|
    citation|r|rp|note|notes|ref|refs|references|références|fonti|note label|ref label|cn|fact|fcn|nfcn|fix|ex|
    coord missing|coordinates missing|coordinate missing|clear|clr|-|clear left|clear right|br|break|col-begin|
col-break|
    col-end|col-2|col-3|col-4|col-5|div col|div col end|colbegin|colend|multicol|colbreak|endmulticol|end|
    small div|box|top|bottom|hidden begin|hidden end|quote box|quotebox|infobox|graph|legend|legend0|legende|0|·v|v·d·e|
    navboxes|navboxes top|navboxes bottom|nocat|dmy|mdy|sc link|shy|wbr|inuse|under construction|spaces left|zwnj|zwj|
    spoiler|endspoiler|en icon|de icon|fr icon|ru icon|es icon|it icon|en|fr|de|it|nl|ru|es|pl|ja|zh|pt|la|
    indo|largethumb|imagemap deutschland|appendix|sources|bron|bronnen|przypisy|références|referências|ref-section|
    примечания|примітки|primechaniya|reference list|listaref|reflist4|kaynakça|tham khảo|izvori|viri|opombe|reference|
    einzelnachweise|noter|noot|voetnoot|anm|anm.|anmerkung|notetag|notefoot|הערה|הערות שוליים|הערת שוליים|مراجع|پانویس|
    ref-en|ref-de|пояснення|comment|прим|прим.|ew|nūruodis|bio|div|tmp|n|nb|#tag|merci|eiss rakstīņs|nq|cit|hc|
    flaggbild|vlagikoon|banderaikur|ikonazastave|знамеикона|зас|پرچمک|bannera|flag icon|
    bartable|bar percent|clade|cladex|hidden|collapsible list|collapse top|collapse bottom|cot|cob|abbreviations|
    inflation-fn|inflation-year|lc|crossreference|crossref|xref|cross-reference|hn|esp|see|seealso|main|main list|
    zob. też|also|à ne pas confondre|confusion|homonymes|patronyme|nom|otros usos|redirige aquí|autres projets|
    dablink|rellink|rquote|
    pfl|ticker|lookfrom|intitle|srlink|selfref|self-reference|sronly|pagename|ambox|imbox|mbox|tmbox|
    usa|gbr|fra|ger|deu|ita|esp|jpn|chn|rus|can|aus|bra|mex|ned|swe|nor|den|fin|pol|cze|hun|rou|bul|tur|gre|por|bel|
    sui|aut|irl|ind|kor|arg|tch|urs|yug|hrv|srb|ukr|lat|lva|ltu|est
"""
_MAINTENANCE_PARAMETERS = frozenset({"date", "fecha", "data", "datum", "дата", "reason", "bot"})

EXACT = frozenset(name.strip() for name in _EXACT.split("|") if name.strip())
_PREFIXES = (
    "infobo|infokast|infoskr|infotaula|infokut|info/|ficha|taxobo|tassob|taxotab|navbo|navig|navega|s-|graph:|"
    "historical |"
    "карточка|картка|инфокут|кутијица|навиг|навіг|cite|citar|citeer|citace|harv|sfn|refn|efn|ref-|ref |reflist|webarch|"
    "wayback|erreferentz|internetquelle|navedi|наведи|наведен|cytuj|commons|flagicon|pp-|vedi|coor |nadabeigts|"
    "wikisource|wikibook|wikiquote|wikivoy|wikispecies|wikinews|wikiversity|portal"
)


def _either(names: str) -> str:
    return "|".join(map(re.escape, sorted(set(filter(None, names.split("|"))), key=lambda name: (-len(name), name))))


_WORDS = "|".join(name for name in _BEGINNINGS.split("|") if not name.endswith((" ", "_")))
_WHOLE_WORDS = "|".join(name for name in _BEGINNINGS.split("|") if name.endswith((" ", "_")))
_PATTERN = re.compile(rf"(?:(?:{_either(_PREFIXES)}|{_either(_WHOLE_WORDS)})|(?:{_either(_WORDS)})(?![^\W_]))")
_ENDINGS = (
    "stub", "stubs", " navbox", " infobox", "box", "-vlag", " vlag", " topics", " sidebar", " map", " succession",
    "-inline", "icon", " link", " needed", " author", " entry", "skabelon", "-geo", "weatherbox", "labelled map",
    " county", " in topic", "?",
)  # fmt: skip


@lru_cache(maxsize=1 << 14)
def goes_by_design(name: str) -> bool:
    """Whether a template of this (normal) name is no running text, whatever it holds."""
    return name in EXACT or _PATTERN.match(name) is not None or name.endswith(_ENDINGS)
