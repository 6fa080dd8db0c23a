"""Sections that hold no prose, by their headings: references, links, further reading, see also; in many languages."""

from __future__ import annotations

_HEADINGS = """
see also|references|reference|reference list|notes|notes and references|references and notes|footnotes|endnotes|
citations|
external links|external link|further reading|bibliography|sources|works cited|literature cited|cited sources|
general references|primary sources|secondary sources|general sources|cited works|citations and notes|
notes and citations|
explanatory notes|additional reading|links|gallery|image gallery|reading list|select bibliography|selected bibliography|
sources and further reading|notes and sources|sources and references|navigation|
weblinks|einzelnachweise|literatur|siehe auch|quellen|anmerkungen|fußnoten|belege|nachweise|einzelbelege|
literatur und quellen|weiterführende literatur|bildergalerie|galerie|anmerkungen und einzelnachweise|referenzen|
voir aussi|liens externes|notes et références|références|bibliographie|articles connexes|annexes|lien externe|
notes|sources|références et notes|galerie|bibliographie complémentaire|liens et documents externes|source|
véase también|referencias|enlaces externos|bibliografía|notas|notas y referencias|fuentes|bibliografía adicional|
galería|
note|bibliografia|voci correlate|altri progetti|collegamenti esterni|fonti|riferimenti|note e riferimenti|galleria|
galleria d'immagini|galleria fotografica|collegamenti|altri progetti e collegamenti esterni|
ver também|referências|ligações externas|links externos|bibliografia|notas|notas e referências|fontes|galeria|
ligação externa|leitura adicional|referências bibliográficas|
zie ook|bronnen|externe links|externe link|referenties|literatuur|noten|voetnoten|bronnen, noten en/of referenties|
bronnen en referenties|bronnen, noten of referenties|bron|bronvermelding|zie ook|galerij|afbeeldingen|
zobacz też|przypisy|bibliografia|linki zewnętrzne|uwagi|galeria|literatura|źródła|
см. также|примечания|ссылки|литература|источники|галерея|сноски|библиография|комментарии|внешние ссылки|
див. також|примітки|посилання|література|джерела|галерея|виноски|бібліографія|
вижте също|бележки|източници|външни препратки|литература|галерия|бележки и източници|използвана литература|
také viz|související články|reference|externí odkazy|literatura|poznámky|galerie|odkazy|zdroje|prameny|
pozri aj|iné projekty|externé odkazy|referencie|
vezi și|vezi şi|note|referințe|bibliografie|legături externe|lectură suplimentară|note de completare|galerie|surse|
se även|referenser|källor|externa länkar|fotnoter|noter|vidare läsning|tryckta källor|litteratur|bildgalleri|
se også|noter|referencer|eksterne henvisninger|litteratur|kilder|fodnoter|kilder og henvisninger|henvisninger|
referanser|eksterne lenker|kilder|litteratur|
lásd még|jegyzetek|források|további információk|külső hivatkozások|irodalom|hivatkozások|fordítás|képek|galéria|
kapcsolódó szócikkek|megjegyzések|ajánlott irodalom|
glej tudi|sklici|zunanje povezave|viri|opombe|sklici in opombe|literatura|galerija|
vidi još|vidi također|izvori|vanjske poveznice|literatura|bilješke|poveznice|izvori i bilješke|galerija|reference|
такође погледати|референце|спољашње везе|литература|види још|напомене|извори|спољне везе|белешке|галерија|
takođe pogledati|spoljašnje veze|vidi još|napomene|
поврзано|наводи|надворешни врски|
vegeu també|referències|enllaços externs|bibliografia|notes|notes i referències|galeria|vegeu també|fonts|
véxase tamén|notas|ligazóns externas|bibliografía|outros artigos|galería de imaxes|
ikus, gainera|erreferentziak|kanpo estekak|bibliografia|oharrak|oharrak eta erreferentziak|kanpo loturak|galeria|
katso myös|lähteet|aiheesta muualla|viitteet|kirjallisuutta|
ayrıca bakınız|kaynakça|dış bağlantılar|notlar|kaynaklar|konuyla ilgili yayınlar|galeri|
xem thêm|tham khảo|liên kết ngoài|chú thích|thư mục|ghi chú|tài liệu tham khảo|nguồn|hình ảnh|
参见|参考文献|外部链接|注释|参考资料|參見|參考文獻|外部連結|註釋|參考資料|腳註|脚注|延伸阅读|延伸閱讀|相关条目|相關條目|
関連項目|脚注|参考文献|外部リンク|注釈|出典|関連文献|
같이 보기|각주|참고 문헌|외부 링크|주석|
انظر أيضا|انظر أيضًا|مراجع|المراجع|وصلات خارجية|المصادر|مصادر|هوامش|معرض صور|ملاحظات|
جستارهای وابسته|منابع|پانویس|پیوند به بیرون|یادداشت‌ها|نگارخانه|منبع‌ها|
ראו גם|הערות שוליים|קישורים חיצוניים|לקריאה נוספת|ביאורים|מקורות|גלריה|
इन्हें भी देखें|सन्दर्भ|बाहरी कड़ियाँ|संदर्भ|
sien ook|verwysings|eksterne skakels|bronne|bronnelys|eksterne skakel|lees verder|galery|
lihat pula|referensi|pranala luar|catatan kaki|lihat juga|rujukan|pautan luar|
žiūrėti taip pat|šaltiniai|nuorodos|išnašos|
skatīt arī|atsauces|ārējās saites|piezīmes|
vaata ka|viited|välislingid|
verēt taipoš|nūruodis|uorejuos saitys|ārejuos saitys|vereit taipoš|nūstotnis|uorejuos nūruodis|saitys|
daveoù|notennoù|liammoù diavaez|gwelet ivez|levrlennadur|
gweler hefyd|cyfeiriadau|dolenni allanol|
դես նաև|ծանոթագրություններ|արտաքին հղումներ|
βλέπε επίσης|παραπομπές|εξωτερικοί σύνδεσμοι|πηγές|βιβλιογραφία|σημειώσεις|
vidu ankaŭ|referencoj|eksteraj ligiloj|notoj|fontoj|
"""
END_MATTER = frozenset(name.strip() for name in _HEADINGS.replace("\n", "").split("|") if name.strip())


def is_end_matter(heading: str) -> bool:
    """Whether a section of this heading goes, with the sections in it."""
    return heading.strip(" :.*").casefold() in END_MATTER
