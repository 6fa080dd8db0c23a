"""The invented sites of the sample: hosts, names, templates, and the words of their navigation in each language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """host: under the reserved .example domain; template: a key of templates.TEMPLATES; path: with {slug} and {n}.

    boilerplate: paragraphs the site repeats inside the article body of every page.
    """

    host: str
    name: str
    language: str
    template: str
    path: str
    boilerplate: tuple[str, ...] = ()


ENGLISH_SITES = (
    Site(
        "harbourgazette.example",
        "Harbour Gazette",
        "en",
        "gazette",
        "/2020/news/{slug}.html",
        (
            "The Harbour Gazette sends its readers a short letter every Friday morning, with the tide tables, the "
            "events of the weekend and the three stories that our editors liked best. You can leave the list at any "
            "time with a single click, and we never pass your address on to anybody else.",
            "Have you seen something that the whole town should know about? Our newsroom on Quay Street is open from "
            "nine until five, and you are welcome to walk in, to ring the bell, or to write us a letter by hand.",
        ),
    ),
    Site("lanternweekly.example", "The Lantern Weekly", "en", "magazine", "/issue/{n}/{slug}"),
    Site(
        "millbrookcourier.example",
        "Millbrook Courier",
        "en",
        "tables",
        "/article.php?id={n}",
        (
            "The Millbrook Courier is owned by the people who read it. More than four thousand households hold a "
            "share in the paper, nobody may hold more than ten of them, and every spring the owners meet in the old "
            "corn exchange to choose the editor and to argue about the crossword.",
        ),
    ),
    Site("northfieldreview.example", "Northfield Review", "en", "bootstrap", "/essays/{slug}/"),
    Site(
        "copperkettle.example",
        "Copper Kettle",
        "en",
        "blog",
        "/{slug}.html",
        (
            "Copper Kettle is written by three friends who pay for everything themselves. We accept no gifts from the "
            "people we write about, we carry no advertisements, and when we get something wrong we say so at the top "
            "of the page and not at the bottom.",
        ),
    ),
    Site("opennotebook.example", "Open Notebook", "en", "wiki", "/wiki/{slug}"),
    Site("quarrylane.example", "Quarry Lane Journal", "en", "journal", "/journal/{n}-{slug}.htm"),
    Site("everydayalmanac.example", "Everyday Almanac", "en", "soup", "/read?page={slug}"),
    Site("plainpages.example", "Plain Pages", "en", "plain", "/~maud/{slug}.html"),
)

OTHER_SITES = {
    "de": Site("stadtanzeiger.example", "Der Stadtanzeiger", "de", "gazette", "/artikel/{slug}.html"),
    "fr": Site("lecarnet.example", "Le Carnet", "fr", "blog", "/{slug}/"),
    "es": Site("laplazuela.example", "La Plazuela", "es", "magazine", "/cronicas/{slug}"),
    "it": Site("ilquaderno.example", "Il Quaderno", "it", "journal", "/{slug}.htm"),
    "pt": Site("folhadeaveiro.example", "Folha da Ria", "pt", "bootstrap", "/textos/{slug}/"),
    "nl": Site("dekade.example", "De Kade", "nl", "soup", "/lees?stuk={slug}"),
    "pl": Site("kuriermiejski.example", "Kurier Miejski", "pl", "tables", "/art.php?id={slug}"),
    "sv": Site("skargardsbladet.example", "Skärgårdsbladet", "sv", "gazette", "/nyheter/{slug}.html"),
    "cs": Site("zapisnik.example", "Zápisník", "cs", "blog", "/{slug}.html"),
    "ru": Site("vechernyaya.example", "Вечерняя страница", "ru", "magazine", "/stati/{slug}"),
    "uk": Site("podvirya.example", "Подвір’я", "uk", "bootstrap", "/{slug}/"),
    "bg": Site("ploshtadat.example", "Площадът", "bg", "journal", "/{slug}.htm"),
    "el": Site("plateia.example", "Η Πλατεία", "el", "blog", "/{slug}.html"),
    "ar": Site("almaqha.example", "المقهى", "ar", "magazine", "/maqalat/{slug}"),
    "he": Site("hashuk.example", "השוק", "he", "gazette", "/{slug}.html"),
    "hi": Site("aangan.example", "आँगन", "hi", "bootstrap", "/lekh/{slug}/"),
    "ja": Site("machinoki.example", "町の記", "ja", "journal", "/{slug}.htm"),
    "zh": Site("xiangkou.example", "巷口", "zh", "magazine", "/wenzhang/{slug}"),
    "ko": Site("golmok.example", "골목길", "ko", "soup", "/read?id={slug}"),
    "tr": Site("mahalle.example", "Mahalle", "tr", "blog", "/{slug}/"),
}

MIRROR_OF = "lanternweekly.example"
MIRROR_HOST = "lantern-mirror.example"


@dataclass(frozen=True, slots=True)
class Labels:
    home: str
    archive: str
    about: str
    contact: str
    related: str
    cookies: str
    accept: str


_LABELS = {
    "en": "Home|Archive|About us|Contact|More to read|We use cookies to make this site work.|Accept",
    "de": "Startseite|Archiv|Über uns|Kontakt|Weitere Artikel|Wir verwenden Cookies.|Annehmen",
    "fr": "Accueil|Archives|À propos|Contact|À lire aussi|Nous utilisons des cookies.|Accepter",
    "es": "Inicio|Archivo|Quiénes somos|Contacto|Más lecturas|Usamos cookies.|Aceptar",
    "it": "Home|Archivio|Chi siamo|Contatti|Leggi anche|Usiamo i cookie.|Accetta",
    "pt": "Início|Arquivo|Sobre nós|Contacto|Leia também|Usamos cookies.|Aceitar",
    "nl": "Voorpagina|Archief|Over ons|Contact|Lees ook|Wij gebruiken cookies.|Akkoord",
    "pl": "Strona główna|Archiwum|O nas|Kontakt|Czytaj także|Używamy plików cookie.|Zgoda",
    "sv": "Hem|Arkiv|Om oss|Kontakt|Läs också|Vi använder kakor.|Godkänn",
    "cs": "Domů|Archiv|O nás|Kontakt|Čtěte také|Používáme cookies.|Souhlasím",
    "ru": "Главная|Архив|О нас|Контакты|Читайте также|Мы используем файлы cookie.|Принять",
    "uk": "Головна|Архів|Про нас|Контакти|Читайте також|Ми використовуємо файли cookie.|Прийняти",
    "bg": "Начало|Архив|За нас|Контакти|Прочетете още|Използваме бисквитки.|Приемам",
    "el": "Αρχική|Αρχείο|Σχετικά|Επικοινωνία|Διαβάστε επίσης|Χρησιμοποιούμε cookies.|Αποδοχή",
    "ar": "الرئيسية|الأرشيف|من نحن|اتصل بنا|اقرأ أيضا|نستخدم ملفات تعريف الارتباط.|موافق",
    "he": "ראשי|ארכיון|אודות|צור קשר|עוד לקריאה|אנו משתמשים בעוגיות.|אישור",
    "hi": "मुखपृष्ठ|संग्रह|हमारे बारे में|संपर्क|यह भी पढ़ें|हम कुकीज़ का उपयोग करते हैं।|स्वीकार",
    "ja": "ホーム|過去の記事|このサイトについて|お問い合わせ|関連記事|クッキーを使用しています。|同意する",
    "zh": "首页|存档|关于我们|联系|相关文章|本站使用Cookie。|同意",
    "ko": "홈|지난 글|소개|연락처|관련 글|쿠키를 사용합니다.|동의",
    "tr": "Ana sayfa|Arşiv|Hakkımızda|İletişim|Bunları da okuyun|Çerez kullanıyoruz.|Kabul et",
}


def labels(language: str) -> Labels:
    return Labels(*_LABELS[language].split("|"))
