"""CounterFact (Meng et al. 2022): facts turned false, in the authors' form and in the shorter one of EasyEdit.

The authors' `counterfact.json` gives two rephrasings, ten prompts of the same relation about other subjects and ten
prompts about the new answer; the shorter form one rephrasing and one other subject. Of the shorter form's files all
that are there are read, since together they are the set.
"""

from pathlib import Path
from typing import Any

from kedit_memory.evaluation.case import LOCALITY, Case, Question, own_question, rephrased
from kedit_memory.evaluation.datasets.kinds import REPHRASING, SAME_RELATION
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, loaded, text
from kedit_memory.evaluation.datasets.public import present, read_rows
from kedit_memory.records import EditRequest

_WHOLE = "counterfact.json"
_PARTS = ("counterfact-edit.json", "counterfact-train.json", "counterfact-val.json")


def cases(folder: Path) -> Loaded[Case]:
    """A case for each prompt; of several rows with one prompt the first counts."""
    whole = folder / _WHOLE
    if whole.is_file():
        return loaded(read_rows(whole), _whole_case, key=lambda case: case.prompt, files=(_WHOLE,))
    files = [path.name for path in present(folder, _PARTS)]
    return loaded(rows(folder), _case, key=lambda case: case.prompt, files=files)


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of the shorter form, of all its files that are there."""
    return [row for path in present(folder, _PARTS) for row in read_rows(path)]


def _case(row: Row) -> Case:
    edit = EditRequest(prompt=text(row, "prompt"), target=text(row, "target_new"), subject=text(row, "subject"))
    accepted, truth = (text(row, "target_new"),), (text(row, "ground_truth"),)
    beside = Question(
        text=text(row, "locality_prompt"),
        metric=LOCALITY,
        kind=SAME_RELATION,
        truth=(text(row, "locality_ground_truth"),),
    )
    asked = rephrased(text(row, "rephrase_prompt"), REPHRASING, accepted)
    return Case(edit=edit, questions=(own_question(edit, accepted, truth), asked, beside))


def _whole_case(row: Row) -> Case:
    change = row["requested_rewrite"]
    new, old = text(change["target_new"], "str"), text(change["target_true"], "str")
    subject = text(change, "subject")
    if "{}" not in text(change, "prompt"):
        raise SkippedError("a prompt without a place for its subject")
    edit = EditRequest(
        prompt=text(change, "prompt").format(subject),
        target=new,
        subject=subject,
        metadata={"property": change["relation_id"]},
    )
    return Case(
        edit=edit,
        questions=(
            own_question(edit, (new,), (old,)),
            *(rephrased(one.strip(), REPHRASING, (new,)) for one in row["paraphrase_prompts"]),
            *(
                Question(text=one.strip(), metric=LOCALITY, kind=SAME_RELATION, truth=(old,))
                for one in row["neighborhood_prompts"]
            ),
        ),
    )
