"""Well-known public models: what they are called here, where their publishers keep them, and what they must be.

Sources: cc_net's Makefile (languages, `dl_lm`), fasttext.cc/docs/en/language-identification.html, the model pages of
mlfoundations and allenai on huggingface.co. A sha256 stands here only where independent copies agree on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from curate.errors import UserError

# cc_net's Makefile, `langs`.
CCNET_LANGUAGES = (
    *("af", "ar", "az", "be", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi"),
    *("fr", "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "km", "kn", "ko"),
    *("lt", "lv", "mk", "ml", "mn", "mr", "my", "ne", "nl", "no", "pl", "pt", "ro", "ru", "uk", "zh"),
)
_CCNET = "https://dl.fbaipublicfiles.com/cc_net/lm/"
_FASTTEXT = "https://dl.fbaipublicfiles.com/fasttext/supervised-models/"
_DOLMA = "https://huggingface.co/allenai/dolma-jigsaw-fasttext-bigrams-"
_176 = ("176 languages, ISO 639 codes",)


@dataclass(frozen=True, slots=True)
class Published:
    """A public model.

    file: what it is kept as; url: "" where only the user's own copy may be used; sha256: "" where none is published;
    begins: the first bytes of every file of its format, so that an error page is not taken for a model; role: one of
    `curate.models.cards.ROLES`; positive: the label that a classifier finds, "" where its page does not say.
    """

    name: str
    file: str
    kind: str
    languages: tuple[str, ...]
    licence: str
    documentation: str
    begins: bytes
    url: str = ""
    sha256: str = ""
    role: str = ""
    positive: str = ""


KENLM = b"mmap lm http://kheafield.com/code"
FASTTEXT = (793712314).to_bytes(4, "little")
SENTENCEPIECE = b"\x0a"  # the first field, `pieces`, of the protobuf message
TIKTOKEN = b"IQ== 0\n"  # base64 of "!", the first rank


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Published]:
    """Every public model by name."""
    found = [
        Published(
            f"lid.176.{suffix}",
            f"lid.176.{suffix}",
            f"fastText language identifier of 176 languages, {form}",
            _176,
            "CC-BY-SA-3.0",
            "https://fasttext.cc/docs/en/language-identification.html",
            FASTTEXT,
            f"{_FASTTEXT}lid.176.{suffix}",
            sha256,
            "language",
        )
        for suffix, form, sha256 in (
            ("bin", "whole", "7e69ec5451bc261cc7844e49e4792a85d7f09c06789ec800fc4a44aec362764e"),
            ("ftz", "compressed", "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"),
        )
    ]
    found += [
        Published(
            "dclm-oh-eli5",
            "dclm-oh-eli5.bin",
            "fastText quality classifier of DCLM-Baseline: OpenHermes-2.5 and ELI5 against RefinedWeb",
            ("en",),
            "MIT",
            "https://huggingface.co/mlfoundations/fasttext-oh-eli5",
            FASTTEXT,
            "https://huggingface.co/mlfoundations/fasttext-oh-eli5/resolve/main/"
            "openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train.bin",
            role="classifier",
            positive="hq",
        )
    ]
    found += [
        Published(
            f"dolma-{short}",
            f"dolma-{short}.bin",
            f"fastText classifier of Dolma, trained on Jigsaw's comments: {short}",
            ("en",),
            "see its page",
            f"{_DOLMA}{short}",
            FASTTEXT,
            f"{_DOLMA}{short}/resolve/main/model.bin",
            role="classifier",
        )
        for short in ("hatespeech", "nsfw")
    ]
    found += [
        Published(
            "llama-tokenizer",
            "llama-tokenizer.model",
            "SentencePiece BPE tokenizer of LLaMA-1 and Llama-2, 32,000 pieces",
            ("en", "and others"),
            "Meta's LLaMA or Llama 2 licence; your own copy",
            "https://github.com/meta-llama/llama",
            SENTENCEPIECE,
            sha256="9e556afd44213b6bd1be2b850ebbbd98f5481437a8021afaf58ee7fb1818d347",
            role="tokenizer",
        ),
        Published(
            "llama-3-tokenizer",
            "llama-3-tokenizer.tiktoken",
            "tiktoken tokenizer of Llama-3, 128,000 ranks",
            ("en", "and others"),
            "Meta's Llama 3 licence; your own copy",
            "https://github.com/meta-llama/llama-models",
            TIKTOKEN,
            sha256="82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55",
            role="tokenizer",
        ),
    ]
    found += [model for language in CCNET_LANGUAGES for model in _ccnet(language)]
    return {model.name: model for model in found}


def _ccnet(language: str) -> tuple[Published, Published]:
    page = "https://github.com/facebookresearch/cc_net"
    licence = "see its page"
    name = f"ccnet-kenlm-{language}"
    kenlm = "CCNet's KenLM 5-gram of Wikipedia, over the pieces of its SentencePiece model"
    pieces = f"ccnet-sp-{language}"
    sentencepiece = "CCNet's SentencePiece unigram tokenizer of Wikipedia"
    return (
        Published(
            name,
            f"{name}.arpa.bin",
            kenlm,
            (language,),
            licence,
            page,
            KENLM,
            f"{_CCNET}{language}.arpa.bin",
            role="perplexity",
        ),
        Published(
            pieces,
            f"{pieces}.model",
            sentencepiece,
            (language,),
            licence,
            page,
            SENTENCEPIECE,
            f"{_CCNET}{language}.sp.model",
            role="perplexity-pieces",
        ),
    )


def find(name: str) -> tuple[Published, ...]:
    """The model of that name; `ccnet-fr` is both of a language's. UserError for a name that is none."""
    models = catalogue()
    if name in models:
        return (models[name],)
    language = name.removeprefix("ccnet-")
    if name != language and language in CCNET_LANGUAGES:
        return (models[f"ccnet-kenlm-{language}"], models[f"ccnet-sp-{language}"])
    near = get_close_matches(name, [*models, *(f"ccnet-{code}" for code in CCNET_LANGUAGES)], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(f"no public model is called {name!r}: {hint}`curate models list --all` names them all")
