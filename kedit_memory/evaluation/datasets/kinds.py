"""How the kinds of a set's questions are called here, whatever its authors call them."""

REPHRASING = "rephrasing"
SAME_SUBJECT = "same_subject"  # another property of the subject
SAME_RELATION = "same_relation"  # the property of another subject
OTHER_ANSWER = "other_answer"  # the same question, for its other right answers
UNRELATED = "unrelated"
OPEN_QUESTION = "open_question"  # what people ask, about anything
ALIAS = "alias"  # the edit's question with another name of the subject
LOGICAL = "logical"  # what follows from the edit by the nature of its relation: symmetric, inverse, shared
ONE_HOP = "one_hop"  # a property of the new answer
THROUGH = "through"  # the edit's answer, asked of something that leads to its subject
MULTI_HOP = "multi_hop"  # over several facts, some of them edited
PART = "part"  # a question that a part of a long text answers
