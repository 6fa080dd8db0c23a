"""Our model for EleutherAI's `lm-eval`: every task it has, without an export to transformers in between."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from curate.errors import UserError
from curate.tokens.tokenizer import Tokenizer
from curate.training.evaluate import generate_ids, score_continuations, score_ids
from curate.training.model import Llama


def run_tasks(
    model: Llama, tokenizer: Tokenizer, begin: int, tasks: Sequence[str], *, limit: int | None = None, batch: int = 8
) -> dict[str, Any]:
    """What `lm_eval.simple_evaluate` returns under "results": measures by task. limit: examples of each task.

    UserError where lm-eval is not installed or does not know a task.
    """
    kind = lm_eval_class()
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    known = TaskManager()
    unknown = [task for task in tasks if not known.match_tasks([task])]
    if unknown:
        raise UserError(f"lm-eval has no task {unknown[0]!r}: `lm-eval ls tasks` lists them")
    evaluated = simple_evaluate(
        model=kind(model, tokenizer, begin, batch=batch), tasks=list(tasks), task_manager=known, limit=limit
    )
    results: dict[str, Any] = evaluated["results"]
    return results


@cache
def lm_eval_class() -> Any:
    """The class, registered with lm-eval as "curate". UserError where lm-eval is not installed."""
    try:
        from lm_eval.api.model import TemplateLM
        from lm_eval.api.registry import register_model
    except ImportError:
        raise UserError("tasks need lm-eval: pip install lm-eval") from None

    @register_model("curate")
    class CurateLM(TemplateLM):  # type: ignore[misc]
        """A Llama of ours under lm-eval's interface; texts begin with `begin`, as documents did in training."""

        backend = "causal"

        def __init__(self, model: Llama, tokenizer: Tokenizer, begin: int, batch: int = 8) -> None:
            super().__init__()
            self.llama, self.pieces, self.begin, self.batch = model, tokenizer, begin, batch

        @classmethod
        def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> Any:
            """From `pretrained=FOLDER[,device=cuda][,tokenizer=FILE]`, an exported folder."""
            from lm_eval.utils import simple_parse_args_string

            return cls.create_from_arg_obj(simple_parse_args_string(arg_string), additional_config)

        @classmethod
        def create_from_arg_obj(cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None) -> Any:
            from curate.training.hugging_face import begins_with, load_model, load_tokenizer_of

            asked = {**arg_dict, **{key: value for key, value in (additional_config or {}).items() if value}}
            if "pretrained" not in asked:
                raise UserError("name the model's folder: --model_args pretrained=FOLDER")
            folder = str(asked["pretrained"])
            tokenizer = load_tokenizer_of(folder, asked.get("tokenizer"))
            size = str(asked.get("batch_size", 8))
            model = load_model(folder, str(asked.get("device", "cpu")))
            return cls(model, tokenizer, begins_with(folder, tokenizer), int(size) if size.isdigit() else 8)

        @property
        def eot_token_id(self) -> int:
            return self.pieces.eos_id

        @property
        def prefix_token_id(self) -> int:
            return self.begin

        @property
        def tokenizer_name(self) -> str:
            return self.pieces.name

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
            ids: list[int] = self.pieces.encode_batch([string])[0].tolist()
            return ids

        def _loglikelihood_tokens(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
            pairs = [(self._begun(before), after) for _, before, after in requests]
            return score_continuations(self.llama, pairs, batch=self.batch)

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
            """Log-probability of each whole text; windows do not overlap but in the last, as lm-eval has it."""
            return [
                -score_ids(
                    self.llama,
                    self._begun(self.tok_encode(request.args[0])),
                    stride=self.llama.config.context,
                    batch=self.batch,
                )
                for request in requests
            ]

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            """What the model writes after each context, up to the first of the strings in `until`."""
            return [self._continued(request.args[0], dict(request.args[1])) for request in requests]

        def _continued(self, context: str, asked: dict[str, Any]) -> str:
            until = asked.get("until") or []
            until = [until] if isinstance(until, str) else list(until)
            most = min(int(asked.get("max_gen_toks", 256)), self.llama.config.context - 1)
            # The begin of what is too long goes, not the question.
            room = max(1, self.llama.config.context - most - 1)
            ids = self._begun(self.tok_encode(context)[-room:])
            before = self.pieces.decode(ids)

            def text(written: list[int]) -> str:
                known = [number for number in written if number < self.pieces.vocab_size]
                return self.pieces.decode([*ids, *known])[len(before) :]

            written = generate_ids(
                self.llama,
                ids,
                most,
                temperature=float(asked.get("temperature", 1.0)) if asked.get("do_sample") else 0.0,
                top_p=float(asked.get("top_p", 1.0)),
                stop=lambda so_far: so_far[-1:] == [self.eot_token_id] or any(mark in text(so_far) for mark in until),
            )
            found = text(written)
            return found[: min((found.index(mark) for mark in until if mark in found), default=len(found))]

        def _begun(self, ids: Sequence[int]) -> list[int]:
            return list(ids) if ids[:1] == [self.begin] else [self.begin, *ids]

    return CurateLM
