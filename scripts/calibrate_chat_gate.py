"""Fit the general gate, for chat models that nothing was calibrated for; it ships as data/gates/chat.json.

    python scripts/calibrate_chat_gate.py --model smollm2 --data ../shared/data

Of SmolLM2-135M-Instruct both answers, and how sure it is, are got here: to questions about the world of the
demonstration, with its passages, and to questions of SQuAD 2.0, with their paragraphs. Of Llama-3.1-8B-Instruct both
answers to six sets are those of AdaRAGUE (see `adaptive.llama8b`); how sure it was is not known. Half of the questions
fit the policy, the other half judges it.
"""

import argparse
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.datasets.public import folder_of, read_json
from kedit_memory.evaluation.tasks.adaptive.llama8b import MODEL, read_answers
from kedit_memory.evaluation.tasks.adaptive.observed import Labelled, Observed, Observer, judge_for
from kedit_memory.evaluation.tasks.adaptive.sets import world_set
from kedit_memory.models.encoder import load_encoder
from kedit_memory.models.language import TextModel
from kedit_memory.models.named import load_model
from kedit_memory.models.prompts import MAX_NEW_TOKENS
from kedit_memory.popularity.table import PopularityTable
from kedit_memory.records import Mention, Passage, RetrievedPassage
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.retrieval.passages import asking_for, sift
from kedit_memory.retrieval.relevance import Relevance
from kedit_memory.routing.gate.calibration import GateCalibration, judged, split
from kedit_memory.routing.gate.choice import GENERAL
from kedit_memory.routing.gate.form import form_of
from kedit_memory.routing.gate.form_policy import FormPolicy
from kedit_memory.routing.gate.policies import GateCase
from kedit_memory.routing.gate.signals import Signals, Sources
from kedit_memory.shipped import data_folder

PASSAGES = 3


def main() -> None:
    """Fit, write the file, and say what came out on the held-out half."""
    arguments = _arguments()
    model = load_model(arguments.model)
    seen = list(_observed(model, arguments))
    cases = [GateCase(signals=one.signals, alone=one.alone_right, read=one.read_right) for one in seen]
    groups = [one.group for one in seen]
    for one in read_answers(arguments.data):
        signals = Signals(words=len(one.question.split()), mentions=0, form=form_of(one.question))
        cases.append(GateCase(signals=signals, alone=one.alone, read=one.read))
        groups.append(one.question)
    fits = split(groups)
    policy = FormPolicy.fit([case for case, fit in zip(cases, fits, strict=True) if fit], budget=1.0)
    held = [case for case, fit in zip(cases, fits, strict=True) if not fit]
    calibration = GateCalibration(
        policy=policy.name,
        parameters=policy.parameters(),
        model=f"{arguments.name} and {MODEL}",
        search="any",
        passages=PASSAGES,
        budget=1.0,
        fitted=sum(fits),
        held_out=judged(policy, held),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(calibration.to_json() + "\n", encoding="utf-8")
    for name, told in ((arguments.name, True), (MODEL, False)):
        of = [case for case in held if (case.signals.log_probability is not None) == told]
        print(f"{name}: {judged(policy, of)}")


def _observed(model: TextModel, arguments: argparse.Namespace) -> Iterator[Observed]:
    """Both answers of the model: about the world, then about paragraphs of SQuAD 2.0."""
    relevance = Relevance(load_encoder("minilm"))
    world = world_set(None, questions=arguments.questions, seed=arguments.seed)
    asked = [Labelled(text=one.text, answers=one.answers, group=one.group) for one in world.questions]
    yield from _both_ways(model, asked, Bm25Retriever(world.passages), relevance, world.linker.link)
    articles = read_json(folder_of(arguments.data, "squad2_dev") / "squad2.0_dev_from_explorer.json")["data"]
    paragraphs = list(_paragraphs(articles))
    rng = random.Random(f"squad:{arguments.seed}")
    answerable = [
        Labelled(text=row["question"], answers=tuple({one["text"] for one in row["answers"]}), group=passage.title)
        for passage, rows in paragraphs
        for row in rows
        if row["answers"]
    ]
    chosen = rng.sample(answerable, arguments.questions)
    yield from _both_ways(model, chosen, Bm25Retriever([one for one, _ in paragraphs]), relevance, lambda _: ())


def _both_ways(
    model: TextModel, asked: Sequence[Labelled], search: Bm25Retriever, relevance: Relevance, link: Any
) -> list[Observed]:
    def found(question: str, mentions: Sequence[Mention]) -> Sequence[RetrievedPassage]:
        return sift(question, mentions, search.search(asking_for(question, mentions), PASSAGES), relevance).kept

    observer = Observer(
        model=model,
        link=link,
        search=found,
        sources=Sources(table=PopularityTable({}), relations=None),
        max_new_tokens=MAX_NEW_TOKENS,
        judge=judge_for(model),
    )
    return observer.observe(asked, lambda line: print(line, file=sys.stderr, flush=True))


def _paragraphs(articles: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Passage, Sequence[Mapping[str, Any]]]]:
    for article in articles:
        for number, paragraph in enumerate(article["paragraphs"]):
            name = article["title"].replace("_", " ")
            yield Passage(id=f"{name}:{number}", title=name, text=paragraph["context"]), paragraph["qas"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="a chat model's name or folder")
    parser.add_argument("--name", default="SmolLM2-135M-Instruct", help="what answers say that it is called")
    parser.add_argument("--data", type=Path, required=True, help="the folder of public sets")
    parser.add_argument("--questions", type=int, default=200, help="of the world, and as many of SQuAD 2.0")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--output", type=Path, default=data_folder() / GENERAL)
    return parser.parse_args()


if __name__ == "__main__":
    main()
