"""Under lm-eval's interface the model gives a brute force's numbers, and a task runs from end to end."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from curate.errors import UserError
from curate.tokens.tokenizer import Tokenizer, load_tokenizer
from curate.training.evaluate import score_ids
from curate.training.export import export_model
from curate.training.lm_eval_model import lm_eval_class, run_tasks
from curate.training.model import Llama


def test_without_lm_eval_a_user_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "lm_eval":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    lm_eval_class.cache_clear()
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(UserError, match="pip install lm-eval"):
        lm_eval_class()


@pytest.fixture
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return load_tokenizer(str(tokenizer_file), "t")


@pytest.fixture
def lm(model: Llama, tokenizer: Tokenizer) -> Any:
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install lm-eval")
    return lm_eval_class()(model, tokenizer, 1, batch=3)


def asked(*args: Any) -> SimpleNamespace:
    return SimpleNamespace(args=args)


def log(model: Llama, ids: list[int], first: int) -> tuple[float, bool]:
    total, best = 0.0, True
    for place in range(first, len(ids)):
        chances = model(torch.tensor([ids[:place][-32:]]))[0, -1].double().log_softmax(-1)
        total += float(chances[ids[place]])
        best &= int(chances.argmax()) == ids[place]
    return total, best


def test_loglikelihood_is_of_the_continuation_after_bos_and_context(
    lm: Any, model: Llama, tokenizer: Tokenizer
) -> None:
    pairs = [("The corpus is", " read once"), ("", "Some words"), ("Ends with a space ", "and goes on")]
    found = lm.loglikelihood([asked(*pair) for pair in pairs], disable_tqdm=True)
    for (context, continuation), (value, greedy) in zip(pairs, found, strict=True):
        whole = tokenizer.encode_batch([context + continuation])[0].tolist()
        before = tokenizer.encode_batch([context.rstrip()])[0].tolist()
        assert whole[: len(before)] == before
        expected, best = log(model, [1, *whole], 1 + len(before))
        assert value == pytest.approx(expected, rel=1e-5)
        assert greedy == best


def test_rolling_loglikelihood_scores_a_long_text_by_lm_evals_own_windows(
    lm: Any, model: Llama, tokenizer: Tokenizer
) -> None:
    from lm_eval.utils import get_rolling_token_windows

    text = "A corpus is read once, line by line; numbers such as 3.14 are in it too. " * 3
    ids = tokenizer.encode_batch([text])[0].tolist()
    assert len(ids) > 64
    windows = get_rolling_token_windows(token_list=ids, prefix_token=1, max_seq_len=32, context_len=1)
    expected = sum(_window(model, seen, wanted) for seen, wanted in windows)
    assert lm.loglikelihood_rolling([asked(text)]) == [pytest.approx(expected, rel=1e-5)]
    assert lm.loglikelihood_rolling([asked("")]) == [0.0]
    assert expected == pytest.approx(-score_ids(model, [1, *ids], stride=32), rel=1e-5)


def _window(model: Llama, seen: list[int], wanted: list[int]) -> float:
    chances = model(torch.tensor([seen]))[0].double().log_softmax(-1)[-len(wanted) :]
    return float(chances.gather(1, torch.tensor(wanted).unsqueeze(1)).sum())


def test_generation_ends_before_the_first_mark(lm: Any, tokenizer: Tokenizer) -> None:
    (whole,) = lm.generate_until([asked("The corpus", {"until": [], "max_gen_toks": 12})])
    assert whole
    mark = whole[len(whole) // 2 :][:2]
    (cut,) = lm.generate_until([asked("The corpus", {"until": ["never there", mark], "max_gen_toks": 12})])
    assert cut == whole[: whole.index(mark)]
    (short,) = lm.generate_until([asked("The corpus", {"until": mark, "max_gen_toks": 3})])
    assert whole.startswith(short)
    assert lm.generate_until([asked("word " * 100, {"max_gen_toks": 500})])  # longer than the context


def test_a_task_runs_and_an_unknown_one_is_named(
    lm: Any, model: Llama, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lm_eval.tasks import TaskManager

    rows = [{"text": "The corpus is", "right": " small", "wrong": " a very long and winding road"}] * 4
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "task.yaml").write_text(
        f"""task: choose_ours
dataset_path: json
dataset_kwargs: {{data_files: {{test: {tmp_path}/rows.jsonl}}}}
output_type: multiple_choice
test_split: test
doc_to_text: text
doc_to_choice: "{{{{[right, wrong]}}}}"
doc_to_target: 0
metric_list: [{{metric: acc}}]
"""
    )
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lm_eval.tasks.TaskManager", lambda: TaskManager(include_path=str(tmp_path)))
    results = run_tasks(model, tokenizer, 1, ["choose_ours"], limit=3)
    first, second = (
        log(model, [1, *tokenizer.encode_batch([rows[0]["text"] + rows[0][key]])[0].tolist()], 1)[0]
        for key in ("right", "wrong")
    )
    assert results["choose_ours"]["acc,none"] == float(first > second)
    with pytest.raises(UserError, match="no task 'chose_ours'"):
        run_tasks(model, tokenizer, 1, ["chose_ours"])


def test_a_folder_is_read_by_its_name(lm: Any, model: Llama, tmp_path: Path, tokenizer_file: Path) -> None:
    out = str(tmp_path / "out")
    export_model(model.state_dict(), model.config, out, dtype="float32", tokenizer=str(tokenizer_file))
    loaded = type(lm).create_from_arg_string(f"pretrained={out}", {"batch_size": 2, "device": None})
    question = [asked("The corpus is", " read once")]
    assert loaded.loglikelihood(question, disable_tqdm=True) == lm.loglikelihood(question, disable_tqdm=True)
    assert (loaded.begin, loaded.batch, loaded.eot_token_id) == (1, 2, 2)
