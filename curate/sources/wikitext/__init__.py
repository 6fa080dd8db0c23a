"""Wikitext to plain text: links, comments, tables, references, galleries, boxes and formatting gone, words kept."""
