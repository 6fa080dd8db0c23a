"""Our tokenizers as Hugging Face's `tokenizer.json`, with the same ids for the same text.

SentencePiece merges any two neighbours whose whole is a piece, the best score first, and the leftmost of equals. A
`tokenizer.json` names the two halves of each merge, so every way to cut a piece into two pieces is listed, in the order
of scores; tiktoken's ranks likewise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from curate.errors import UserError
from curate.tokens.tiktoken_tokenizer import LLAMA3_PATTERN
from curate.training.vocabulary import SPACE, Vocabulary


def tokenizer_json(vocabulary: Vocabulary, bos: int | None) -> dict[str, Any]:
    """The content of tokenizer.json; bos: the id that begins every text, None for none.

    UserError for a SentencePiece model with rules that `tokenizers` has not (Unigram, a normal form, ...): a Llama
    tokenizer has none of them.
    """
    if vocabulary.odd:
        raise UserError(f"this tokenizer cannot be written for transformers: it has {' and '.join(vocabulary.odd)}")
    special = [number for number, content in enumerate(vocabulary.contents) if content is None]
    pieces = vocabulary.kind == "sentencepiece"
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(number, vocabulary.names[number]) for number in special],
        "normalizer": _normalizer(vocabulary) if pieces else None,
        "pre_tokenizer": None if pieces else _split(),
        "post_processor": None if bos is None else _begin(bos, vocabulary.names[bos]),
        "decoder": _decoder(vocabulary) if pieces else {"type": "ByteLevel", **_BYTE_LEVEL},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": vocabulary.names[special[0]] if pieces else None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": pieces,
            "byte_fallback": vocabulary.byte_fallback,
            # tiktoken takes a whole word that is a token; merges alone need not find it.
            "ignore_merges": not pieces,
            "vocab": {name: number for number, name in enumerate(vocabulary.names) if pieces or number < min(special)},
            "merges": [list(merge) for merge in _merges(vocabulary)],
        },
    }


def tokenizer_config(vocabulary: Vocabulary, bos: int | None, eos: int, context: int) -> dict[str, Any]:
    """The content of tokenizer_config.json. Special tokens spelt out in a text stay text."""
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": vocabulary.names[eos],
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": True,
        "model_max_length": context,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    if bos is not None:
        config["bos_token"] = vocabulary.names[bos]
    if vocabulary.kind == "sentencepiece":
        config["unk_token"] = next(
            name for name, content in zip(vocabulary.names, vocabulary.contents, strict=True) if content is None
        )
    return config


_BYTE_LEVEL = {"add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def _merges(vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """Every way to cut a piece into two pieces, best pieces first."""
    names, contents = vocabulary.names, vocabulary.contents
    if vocabulary.kind == "tiktoken":
        plain = {names[number]: number for number, content in enumerate(contents) if content is not None}
    else:
        # A byte piece is spelt <0x41>: it stands alone, and its spelling in a text is six letters.
        plain = {
            name: number
            for number, (name, content) in enumerate(zip(names, contents, strict=True))
            if content is not None and content == name.replace(SPACE, " ").encode()
        }
    for name in sorted(plain, key=lambda name: (-vocabulary.scores[plain[name]], plain[name])):
        for cut in range(len(name) - 1, 0, -1):
            if name[:cut] in plain and name[cut:] in plain:
                yield name[:cut], name[cut:]


def _added(number: int, name: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": name, **flags, "special": True}


def _normalizer(vocabulary: Vocabulary) -> dict[str, Any]:
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if not vocabulary.prefixed:
        return spaces
    return {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE}, spaces]}


def _decoder(vocabulary: Vocabulary) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if vocabulary.prefixed:
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {"type": "Sequence", "decoders": steps}


def _split() -> dict[str, Any]:
    return {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": LLAMA3_PATTERN}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", **_BYTE_LEVEL},
        ],
    }


def _begin(number: int, name: str) -> dict[str, Any]:
    def sequence(which: str) -> list[dict[str, Any]]:
        return [{"SpecialToken": {"id": name, "type_id": 0}}, {"Sequence": {"id": which, "type_id": 0}}]

    return {
        "type": "TemplateProcessing",
        "single": sequence("A"),
        "pair": [*sequence("A"), *sequence("B")],
        "special_tokens": {name: {"id": name, "ids": [number], "tokens": [name]}},
    }
