"""Pages that only tell apart what has one name: `__DISAMBIG__`, a template by its name in each language, the title."""

from __future__ import annotations

import re

_TEMPLATES = """
disambig|disambiguation|dab|disamb|disambiguation page|hndis|geodis|hospitaldis|schooldis|mathdab|numberdis|roaddis|
letter-number combination disambiguation|letter–numbercombdisambig|chinese title disambig|call sign disambiguation|
human name disambiguation|place name disambiguation|airport disambiguation|hndis-cleanup|geodis-cleanup|
disambig-cleanup|
disambiguation cleanup|species latin name disambiguation|species latin name abbreviation disambiguation|tlad|tladmore|
genus disambiguation|military unit disambiguation|school disambiguation|phonetics disambiguation|
biology disambiguation|church disambiguation|set index article|
begriffsklärung|bkl|homonymie|paronymie|patronymie|toponymie|homonymie de personne|homonymes de personne|
arrondissements homonymes|
desambiguación|desambiguacion|des|desambig|desambiguação|desambig-ini|disambigua|sigla2|dp|doorverwijspagina|dpintro|
ujednoznacznienie|disambigr|strona ujednoznaczniająca|неоднозначность|неоднозначность фамилия|однофамильцы|
многозначность|
список однофамильцев|disambig-n|населённые пункты|неоднозначність|прізвище|бл|багатозначність|пояснение|
пояснителна страница|
rozcestník|rozcestník - příjmení|rozcestník - 2 znaky|rozcestník - kostel|rozcestník - obec|rozlišovacia stránka|
gaffel|förgrening|gren|efternamn|trebokstavsförgrening|ortnamn|namnförgrening|flertydig|trebogstavsflertydig|peker|
razdvojba|višeznačna odrednica|вишезначна одредница|вишезначност|egyért|egyért-redir|többért|dezambiguizare|dez|
razločitev|razločitev-ime|disambig2|desambiguació|homonimia|argipen orri|argipen|täsmennyssivu|nimi täsmennys|
anlam ayrımı|
disambigpage|trang định hướng|định hướng|消歧义|消歧義|消歧|aimai|曖昧さ回避|人名の曖昧さ回避|地名の曖昧さ回避|
동음이의|동음이의어 문서|
توضيح|صفحة توضيح|ابهام‌زدایی|ابهام زدایی|פירושונים|disambiguasi|nyahkekaburan|nuorodinis|nuorodinis straipsnis|
disambig-lv|
nozīmju atdalīšana|täpsustuslehekülg|täpsustus|αποσαφήνιση|apartigilo|gwahaniaethu|dubbelsinnig|pajasniņs|
daudznūzeimeigs|
maorienn|homonimi|homonim|kthjellim|појаснување|бир нече маани|айрык|бірдей атау|बहुविकल्पी|แก้กำกวม|ਗੁੰਝਲਖੋਲ੍ਹ|paglilinaw
"""
TEMPLATES = frozenset(name.strip() for name in _TEMPLATES.replace("\n", "").split("|") if name.strip()) - {
    "set index article"  # lists of things of one kind, which are articles
}
_TITLE = re.compile(
    r".* \((?:disambiguation|Begriffsklärung|homonymie|desambiguación|desambiguação|disambigua|doorverwijspagina|"
    r"ujednoznacznienie|значения|значення|пояснение|rozcestník|olika betydelser|flertydig|razdvojba|"
    r"вишезначна одредница|višeznačna odrednica|egyértelműsítő lap|dezambiguizare|razločitev|desambiguació|argipena|"
    r"täsmennyssivu|anlam ayrımı|định hướng|消歧义|消歧義|曖昧さ回避|동음이의|توضيح|ابهام‌زدایی|פירושונים|disambiguasi|"
    r"nuorodinis straipsnis|nozīmju atdalīšana|täpsustus|αποσαφήνιση|apartigilo|gwahaniaethu)\)"
)
_MAGIC = re.compile(
    r"__(?:DISAMBIG|BEGRIFFSKLÄRUNG|HOMONYMIE|DESAMBIG|DESAMBIGUACIÓN|DESAMBIGUAÇÃO|НЕОДНОЗНАЧНОСТЬ)__", re.I
)
_BEFORE = r"\{\{[ \t_\n]*"
_TEMPLATE = re.compile(_BEFORE + r"([^{}|\n<>\[\]]{2,80})")


def is_disambiguation(title: str, wikitext: str) -> bool:
    """By the page's title or what its wikitext says of it."""
    if _TITLE.fullmatch(title) or _MAGIC.search(wikitext):
        return True
    return any(found[1].replace("_", " ").strip().casefold() in TEMPLATES for found in _TEMPLATE.finditer(wikitext))
