"""The set of sets in one store: each edit once, asked in its own words alone."""

from kedit_memory.evaluation.tasks.scope.cases import TEST, ScopeEdit, SetBuilder
from kedit_memory.evaluation.tasks.scope.mixed import mixed_set


def read(name, *prompts):
    def made(_, *, seed):
        builder = SetBuilder(name, seed)
        for prompt in prompts:
            place = builder.add(ScopeEdit(prompt=prompt, target="x", part=TEST))
            builder.case("rephrasing", place, f"Tell me: {prompt}", covered=True)
            builder.case("other", place, f"Not {prompt}", covered=False)
        return builder.finished()

    return made


def test_edits_of_several_sets_stand_in_one_store_and_are_asked_in_their_own_words():
    one = mixed_set(None, of=(read("a", "Who runs Orrin?", "Where is Orrin?"), read("b", "where is orrin?", "Why?")))
    assert [edit.prompt for edit in one.edits] == ["Who runs Orrin?", "Where is Orrin?", "Why?"]
    assert [(case.edit, case.question, case.kind) for case in one.cases] == [
        (place, edit.prompt, "prompt") for place, edit in enumerate(one.edits)
    ]
    assert one.dropped == 1
