"""Prefixes of links: the languages Wikipedia has or had editions in, the sister projects, files and categories.

Sources: https://meta.wikimedia.org/wiki/List_of_Wikipedias, /wiki/Interwiki_map, and MediaWiki's names of namespaces.
"""

from __future__ import annotations


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


LANGUAGES = _words("""
aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb ba ban bar
bat-smg bbc bcl be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br bs btm bug bxr ca cbk-zam cdo ce ceb
ch cho chr chy ckb co cr crh cs csb cu cv cy da dag de dga din diq dsb dtp dty dv dz ee el eml en eo es et eu
ext fa fat ff fi fiu-vro fj fo fon fr frp frr fur fy ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur
guw gv ha hak haw he hi hif ho hr hsb ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is it iu ja jam jbo
jv ka kaa kab kbd kbp kcg kg kge ki kj kk kl km kn ko koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg
li lij lld lmo ln lo lrc lt ltg lv lzh mad mai map-bms mdf mg mh mhr mi min mk ml mn mni mnw mo mos mr mrj ms mt
mus mwl my myv mzn na nah nan nap nds nds-nl ne new ng nia nl nn no nov nqo nr nrm nso nv ny oc olo om or os pa
pag pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt pwn qu rm rmy rn ro roa-rup roa-tara rsk ru rue rup rw
sa sah sat sc scn sco sd se sg sgs sh shi shn shy si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw
szl szy ta tay tcy tdd te tet tg th ti tk tl tly tn to tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep
vi vls vo vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-classical zh-min-nan zh-yue zu
""")

SISTERS = _words("""
b c commons d doi foundation iarchive m mediawikiwiki meta mw n phab q s species toollabs v voy w wikibooks
wikidata wikinews wikipedia wikiquote wikisource wikispecies wikiversity wikivoyage wikt wiktionary wmf
""")

FILES = _words("""
afbeelding archivo arquivo attvaizdi attēls beeld berkas bestand bestean bild bilde billede comhad datei datne
datoteka delwe delwedd dosiero dosya fail faila fails fayl ficheiro ficheru fichier figura fil file fitxategi
fitxer fișier fájl gambar grafika hình image imagem imagen imagine imatge imaxe immaggine immagine irudi kuva
kép larawan lêer media medij mynd obrázok payl pelî pilt plik resim restr skeudenn skrá slika soubor surat súbor
talaksan tiedosto tập_tin vaizdas wêne íomhá şəkil αρχείο εικόνα датотека зображення изображение картинка папка
слика сурет сүрөт файл файлна фајл պատկեր קובץ תמונה تصویر صورة ملف پرونده चित्र চিত্র ਤਸਵੀਰ ଫାଇଲ படிமம் దస్త్రం
పిల్ల ഒരു ഫയൽ ภาพ ไฟล์ ပုံ ფაილი ファイル 图像 圖像 文件 檔案 画像 그림 파일
""")

CATEGORIES = _words("""
catagóir categoria categorie category categoría categurìa catugurìa catégorie flokkur jamii kategooria
kategoorija kategoreja kategori kategoria kategorie kategoriija kategorija kategorio kategoriýa kategorya
kategória kateqoriya klokkategorie luokka rummad thể_loại turkum turkumi κατηγορία ангилал категория категориясы
категорија категорія санат կատեգորիա קטגוריה תצוגה تصنيف رده श्रेणी বিষয়শ্রেণী ਸ਼੍ਰੇਣੀ ରେଣୀ ଶ୍ରେଣୀ பகுப்பு
వర్గం വർഗ്ഗം หมวดหมู่ ကဏ္ဍ კატეგორია カテゴリ 分类 分類 분류
""")
