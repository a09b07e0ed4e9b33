"""Do answers from an edit say what the edit says, and are answers on a miss the model's own?

    python scripts/evaluate_answers.py --models kedit-mini,smollm2 --json

`target_in_answer`: each edit of `data/samples/answers.jsonl` (names, prices, ports, keys, addresses, dates, quantities,
policies, steps, commands) is in scope and put before a question in other words; the share of answers that hold the
target, at the first try and in the end, by kind. `untouched`: questions of `data/samples/unrelated.jsonl` that no edit
covers; the share of answers that equal, to the character, what transformers' own `generate` gives for the plain prompt.
`--shares` prints, of long targets, how much of their content answers with and without the edit hold.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from kedit_memory.evaluation.intervals import wilson
from kedit_memory.evaluation.rows import Row, Run, describe_run, document
from kedit_memory.memory import EditMemory
from kedit_memory.models.language import WhiteBoxModel, white_box
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import Prompt
from kedit_memory.records import Answer, Route
from kedit_memory.routing.router import Router, RouterConfig
from kedit_memory.routing.said import holds, share
from kedit_memory.shipped import data_folder

_BATCH = 22  # questions that are asked together


def main() -> int:
    """Print rows; one line a wrong answer on standard error with `--show`."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    samples = data_folder() / "samples"
    cases = _read(samples / "answers.jsonl")[:: arguments.every]
    unrelated = [row["question"] for row in _read(samples / "unrelated.jsonl")][:: arguments.every]
    rows: list[Row] = []
    for name in arguments.models.split(","):
        model = white_box(load_model(name), "the evaluation")
        run = describe_run("answers", "samples", data=samples, model=model.fingerprint)
        with tempfile.TemporaryDirectory() as folder:
            answers = list(_answers(model, cases, Path(folder) / "store", arguments.max_new_tokens))
            rows += _target_rows(run, name, cases, answers)
            if not model.format.takes_questions_alone:  # else it is given a format of its own
                rows.append(_untouched_row(run, name, model, unrelated, Path(folder) / "store", arguments))
        _show(cases, answers, arguments.show)
        if arguments.shares:
            _print_shares(model, cases, answers, arguments.max_new_tokens)
    if arguments.page:
        arguments.page.write_text(_page(rows, cases), encoding="utf-8")
    if arguments.json:
        print(document(rows))
    else:
        for row in rows:
            print(f"{row.metric}/{row.kind:40} {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]  n {row.n}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="kedit-mini,smollm2", help="names or folders, separated by commas")
    parser.add_argument("--every", type=int, default=1, help="take every so manieth case")
    parser.add_argument("--max-new-tokens", type=int, default=64, help="where an answer is cut")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--show", type=int, default=0, help="answers without their target to print on standard error")
    parser.add_argument("--shares", action="store_true", help="how much of long targets answers hold")
    parser.add_argument("--page", type=Path, help="write a page of results from the rows")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


def _read(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def _answers(
    model: WhiteBoxModel, cases: Sequence[Mapping[str, str]], store: Path, max_new_tokens: int
) -> Iterator[Answer]:
    """The answers to the cases' questions; each is a wording of its edit, so that scope is no matter here."""
    with EditMemory.open(store) as memory:
        for case in cases:
            memory.add(case["prompt"], case["target"], subject=case["subject"], paraphrases=[case["asked"]])
        router = Router(memory, model, config=RouterConfig(path="context", max_new_tokens=max_new_tokens))
        for first in range(0, len(cases), _BATCH):
            batch = cases[first : first + _BATCH]
            yield from router.query_many([case["asked"] for case in batch])
            print(f"{model.name}: {first + len(batch)} of {len(cases)} questions", file=sys.stderr)


def _target_rows(run: Run, name: str, cases: Sequence[Mapping[str, str]], answers: Sequence[Answer]) -> Iterator[Row]:
    """The share of answers that hold their target, all and by kind, and the share that did at the first try."""
    held: dict[str, list[bool]] = defaultdict(list)
    for case, answer in zip(cases, answers, strict=True):
        good = holds(answer.text, case["target"])
        first = answer.route is Route.CONTEXT and "asked for it again" not in answer.reason
        again = answer.route is Route.CONTEXT
        for kind, value in (
            ("target_in_answer", good),
            ("first_try", good and first),
            ("second_try", good and again),
            (f"target_in_answer_{case['kind']}", good),
            (f"first_try_{case['kind']}", good and first),
        ):
            held[kind].append(value)
    for kind, values in held.items():
        yield _share_row(run, f"{kind}@{name}", values)


def _untouched_row(
    run: Run, name: str, model: WhiteBoxModel, questions: Sequence[str], store: Path, arguments: argparse.Namespace
) -> Row:
    same = []
    with EditMemory.open(store) as memory:
        router = Router(memory, model, config=RouterConfig(max_new_tokens=arguments.max_new_tokens))
        for question in questions:
            answer = router.query(question)
            own = _own(model, question, arguments.max_new_tokens)
            same.append(answer.route is Route.PARAMETRIC and answer.text == own)
            if not same[-1]:
                print(f"{question!r}: {answer.route} {answer.text!r}, alone {own!r}", file=sys.stderr)
    return _share_row(run, f"untouched@{name}", same)


def _own(model: WhiteBoxModel, question: str, max_new_tokens: int) -> str:
    """What transformers generates greedily for what a user would send: by the chat template, or the text as it is."""
    tokenizer = model.tokenizer
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": question}]
        given = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    else:
        given = tokenizer(question, return_tensors="pt")
    given = {key: given[key] for key in ("input_ids", "attention_mask")}
    output = model.model.generate(
        **given, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id
    )
    text: str = tokenizer.decode(output[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
    return text


def _share_row(run: Run, kind: str, values: Sequence[bool]) -> Row:
    low, high = wilson(sum(values), len(values))
    return Row(run=run, method="router", metric="accuracy", kind=kind, value=sum(values) / len(values), low=low,
               high=high, n=len(values), unit="share")  # fmt: skip


_PAGE = """# Answers from an edit, and answers on a miss

`python scripts/evaluate_answers.py --models {models} --page docs/results/answers.md`, commit {commit}, data {data}.
The {cases} edits of `data/samples/answers.jsonl` are in scope and stand before a question in other words. *First try*:
the model's first reply holds the target. *Answer*: what the user gets holds it; where the model, asked twice, leaves it
out, that is the stored answer. Shares with 95% intervals (Wilson 1927).

{summary}

By kind, first try / answer:

{kinds}
"""


def _page(rows: Sequence[Row], cases: Sequence[Mapping[str, str]]) -> str:
    """The results as Markdown: every figure from a row."""
    found = {row.kind: row for row in rows}
    models = list(dict.fromkeys(kind.partition("@")[2] for kind in found))
    names = {"first_try": "first try", "second_try": "after a second try", "target_in_answer": "answer",
             "untouched": "untouched on a miss"}  # fmt: skip
    lines = ["| | " + " | ".join(models) + " |", "| --- |" + " --- |" * len(models)]
    for kind, name in names.items():
        lines.append(f"| {name} | " + " | ".join(_cell(found.get(f"{kind}@{model}")) for model in models) + " |")
    parts = ["| | n | " + " | ".join(models) + " |", "| --- | --- |" + " --- |" * len(models)]
    for kind in dict.fromkeys(case["kind"] for case in cases):
        both = [
            f"{found[f'first_try_{kind}@{model}'].value:.2f} / {found[f'target_in_answer_{kind}@{model}'].value:.2f}"
            for model in models
        ]
        parts.append(f"| {kind.replace('_', ' ')} | {found[f'first_try_{kind}@{models[0]}'].n} | {' | '.join(both)} |")
    run = rows[0].run
    return _PAGE.format(
        models=",".join(models), commit=run.commit, data=run.data, cases=len(cases),
        summary="\n".join(lines), kinds="\n".join(parts),
    )  # fmt: skip


def _cell(row: Row | None) -> str:
    return "-" if row is None else f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}] (n {row.n})"


def _show(cases: Sequence[Mapping[str, str]], answers: Sequence[Answer], count: int) -> None:
    wrong = [(case, answer) for case, answer in zip(cases, answers, strict=True) if answer.route is not Route.CONTEXT]
    for case, answer in wrong[:count]:
        print(f"{case['kind']} | {case['asked']} | {case['target']!r} | {answer.reason}", file=sys.stderr)


def _print_shares(
    model: WhiteBoxModel, cases: Sequence[Mapping[str, str]], answers: Sequence[Answer], max_new_tokens: int
) -> None:
    """Of long targets: the share that answers with the edit hold, and that of answers without it."""
    for case, answer in zip(cases, answers, strict=True):
        if case["kind"] in ("policy", "steps", "code", "statement_like"):
            (alone,) = model.reply_many([Prompt(question=case["asked"])], max_new_tokens=max_new_tokens)
            shares = share(answer.text, case["target"]), share(alone.text, case["target"])
            print(f"{case['kind']} | with {shares[0]:.2f} | without {shares[1]:.2f} | {answer.route}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
