"""Nine ways to dress an article as a web page: the furniture that extraction has to take off again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from curate.sample.sites import Labels, Site, labels

_RIGHT_TO_LEFT = ("ar", "he")


@dataclass(frozen=True, slots=True)
class View:
    """What a template shows. content: HTML of the article body; related: (title, href); head: extra HTML for <head>."""

    site: Site
    title: str
    content: str
    date: str
    related: Sequence[tuple[str, str]] = ()
    head: str = ""
    charset_meta: str = '<meta charset="utf-8">'

    @property
    def words(self) -> Labels:
        return labels(self.site.language)

    @property
    def open_html(self) -> str:
        direction = ' dir="rtl"' if self.site.language in _RIGHT_TO_LEFT else ""
        return f'<html lang="{self.site.language}"{direction}>'

    def menu(self, wrap: str = "<li>{}</li>") -> str:
        entries = ((self.words.home, "/"), (self.words.archive, "/archive/"), (self.words.about, "/about/"))
        links = (*entries, (self.words.contact, "/contact/"))
        return "".join(wrap.format(f'<a href="{href}">{escape(label)}</a>') for label, href in links)

    def related_links(self, wrap: str = "<li>{}</li>") -> str:
        return "".join(wrap.format(f'<a href="{href}">{escape(title)}</a>') for title, href in self.related)


def paragraphs_html(paragraphs: Sequence[str]) -> str:
    return "\n".join(f"<p>{escape(paragraph, quote=False)}</p>" for paragraph in paragraphs)


def gazette(view: View) -> str:
    site, words = view.site, view.words
    return f"""<!DOCTYPE html>
{view.open_html}
<head>{view.charset_meta}<title>{escape(view.title)} | {escape(site.name)}</title>
<meta name="viewport" content="width=device-width">{view.head}
<style>body {{ font-family: Georgia, serif; }} .cookie {{ position: fixed; }}</style></head>
<body>
<div class="cookie-banner" role="dialog">{escape(words.cookies)} <button>{escape(words.accept)}</button></div>
<header class="site-header"><a class="logo" href="/">{escape(site.name)}</a>
<nav class="main-nav"><ul>{view.menu()}</ul></nav></header>
<main>
<article>
<h1>{escape(view.title)}</h1>
<time datetime="{view.date}">{view.date[:10]}</time>
{view.content}
</article>
</main>
<aside class="sidebar"><h3>{escape(words.related)}</h3><ul>{view.related_links()}</ul></aside>
<footer class="site-footer"><ul>{view.menu()}</ul><p>&copy; 2020 {escape(site.name)}</p></footer>
<script>window.stats = {{page: "article"}};</script>
</body></html>
"""


def magazine(view: View) -> str:
    site, words = view.site, view.words
    return f"""<!doctype html>
{view.open_html}<head>
{view.charset_meta}
<title>{escape(view.title)} - {escape(site.name)}</title>{view.head}
<meta property="og:title" content="{escape(view.title)}"><meta property="og:site_name" content="{escape(site.name)}">
<script type="application/ld+json">{{"@type": "Article", "datePublished": "{view.date}"}}</script>
</head><body class="single">
<nav id="topbar" class="navbar">{view.menu("<span>{}</span> ")}<form class="search"><input name="q"></form></nav>
<div id="page"><div id="content" class="content" role="main">
<div class="post-header"><h1 class="entry-title">{escape(view.title)}</h1></div>
<div class="entry-content">
{view.content}
</div></div>
<div id="secondary" class="widget-area sidebar"><div class="widget"><h2>{escape(words.related)}</h2>
<ul>{view.related_links()}</ul></div></div></div>
<div id="footer" class="footer"><p>{escape(site.name)}</p>{view.menu("<span>{}</span> | ")}</div>
<div id="gdpr" class="cookie-consent">{escape(words.cookies)} <a href="#ok">{escape(words.accept)}</a></div>
</body></html>
"""


def tables(view: View) -> str:
    site, words = view.site, view.words
    return f"""<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">
<html lang="{site.language}"><head><title>{escape(site.name)}: {escape(view.title)}</title>
{view.charset_meta}{view.head}</head>
<body bgcolor="#ffffff" text="#000000">
<table width="760" border="0" cellpadding="4"><tr><td colspan="2" bgcolor="#003366" class="header">
<font color="#ffffff" size="5">{escape(site.name)}</font></td></tr>
<tr><td width="140" valign="top" class="menu">{view.menu("{}<br>")}</td>
<td valign="top" class="content"><h2>{escape(view.title)}</h2>
{view.content}
</td></tr>
<tr><td colspan="2" class="related"><b>{escape(words.related)}</b><br>{view.related_links("{}<br>")}</td></tr>
<tr><td colspan="2" class="footer"><font size="1">&copy; {escape(site.name)} 2020</font></td></tr></table>
</body></html>
"""


def bootstrap(view: View) -> str:
    site, words = view.site, view.words
    return f"""<!DOCTYPE html>
{view.open_html}
  <head>
    {view.charset_meta}
    <title>{escape(view.title)}</title>
    <link rel="stylesheet" href="/assets/site.css">{view.head}
  </head>
  <body>
    <nav class="navbar navbar-expand"><a class="navbar-brand" href="/">{escape(site.name)}</a>
      <ul class="navbar-nav">{view.menu('<li class="nav-item">{}</li>')}</ul></nav>
    <ol class="breadcrumb"><li><a href="/">{escape(words.home)}</a></li><li>{escape(view.title)}</li></ol>
    <div class="container"><div class="row">
      <div class="col-md-8">
        <article class="post">
          <header><h1>{escape(view.title)}</h1></header>
          <section class="post-body">
{view.content}
          </section>
          <div class="share social"><a href="#">Facebook</a> <a href="#">Twitter</a> <a href="#">E-mail</a></div>
        </article>
      </div>
      <div class="col-md-4 sidebar"><div class="card"><h5>{escape(words.related)}</h5>
        <ul>{view.related_links()}</ul></div></div>
    </div></div>
    <footer class="footer"><div class="container">{view.menu("<span>{}</span>")}</div></footer>
    <div class="modal cookie-modal">{escape(words.cookies)}<button>{escape(words.accept)}</button></div>
    <script src="/assets/site.js"></script>
  </body>
</html>
"""


def blog(view: View) -> str:
    site, words = view.site, view.words
    return f"""<!DOCTYPE html>
{view.open_html}<head>{view.charset_meta}<title>{escape(view.title)} &laquo; {escape(site.name)}</title>{view.head}
<link rel="alternate" type="application/rss+xml" href="/feed/"></head>
<body>
<header id="masthead"><p class="site-title"><a href="/">{escape(site.name)}</a></p></header>
<div id="main"><main><article class="hentry">
<h1>{escape(view.title)}</h1>
{view.content}
</article>
<nav class="post-navigation">{view.related_links("<span>{}</span> ")}</nav>
</main>
<aside id="sidebar"><h2>{escape(words.archive)}</h2>
<ul><li><a href="/2020/01/">2020-01</a></li><li><a href="/2020/02/">2020-02</a></li></ul>
<h2>{escape(words.related)}</h2><ul>{view.related_links()}</ul></aside></div>
<footer id="colophon">{view.menu("{} &middot; ")}<p>{escape(words.cookies)}</p></footer>
</body></html>
"""


def wiki(view: View) -> str:
    site, words = view.site, view.words
    return f"""<!DOCTYPE html>
{view.open_html}
<head>{view.charset_meta}<title>{escape(view.title)} — {escape(site.name)}</title>{view.head}</head>
<body class="mediawiki">
<div id="mw-head" role="navigation"><ul>{view.menu()}</ul></div>
<div id="mw-panel" class="navigation sidebar"><h3>{escape(site.name)}</h3><ul>{view.related_links()}</ul></div>
<div id="content" class="mw-body" role="main">
<h1 id="firstHeading">{escape(view.title)}</h1>
<div id="bodyContent"><div id="mw-content-text"><div class="mw-parser-output">
{view.content}
</div></div></div></div>
<footer id="footer" role="contentinfo"><ul><li>{escape(words.about)}</li><li>{escape(words.contact)}</li></ul></footer>
</body></html>
"""


def journal(view: View) -> str:
    site, words = view.site, view.words
    return f"""<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" lang="{site.language}">
<head>{view.charset_meta}<title>{escape(view.title)}</title>{view.head}</head>
<body>
<div id="header"><h1>{escape(site.name)}</h1><ul id="navigation">{view.menu()}</ul></div>
<div id="main">
<h2>{escape(view.title)}</h2>
<div class="text">
{view.content}
</div>
</div>
<div id="sidebar"><h4>{escape(words.related)}</h4><ul>{view.related_links()}</ul></div>
<div id="footer"><p>{escape(site.name)}, {view.date[:4]}</p></div>
</body>
</html>
"""


def soup(view: View) -> str:
    """Everything is a div with a class that means nothing, as many page builders write it."""
    site, words = view.site, view.words
    return f"""<!DOCTYPE html>{view.open_html}<head>{view.charset_meta}
<title>{escape(view.title)}</title>{view.head}</head>
<body><div class="_a1"><div class="_b7 nav">{view.menu('<div class="_x">{}</div>')}</div>
<div class="_c3"><div class="_c4"><div class="_h">{escape(view.title)}</div>
<div class="_t9">
{view.content}
</div></div></div>
<div class="_r2 related"><div class="_h2">{escape(words.related)}</div>
{view.related_links('<div class="_x">{}</div>')}</div>
<div class="_f footer"><div>{escape(site.name)}</div></div>
<div class="_k cookie">{escape(words.cookies)} <span>{escape(words.accept)}</span></div></div></body></html>
"""


def plain(view: View) -> str:
    """A hand-written home page: hardly any markup, and a `<p>` that is never closed."""
    content = view.content.replace("</p>", "")
    return f"""<html lang="{view.site.language}"><head>{view.charset_meta}
<title>{escape(view.title)}</title>{view.head}</head>
<body>
<h1>{escape(view.title)}</h1>
{content}
<hr>
<address><a href="/~maud/">{escape(view.site.name)}</a></address>
</body>
</html>
"""


TEMPLATES: dict[str, Callable[[View], str]] = {
    "gazette": gazette,
    "magazine": magazine,
    "tables": tables,
    "bootstrap": bootstrap,
    "blog": blog,
    "wiki": wiki,
    "journal": journal,
    "soup": soup,
    "plain": plain,
}


def render(view: View) -> str:
    """The whole HTML page."""
    return TEMPLATES[view.site.template](view)
