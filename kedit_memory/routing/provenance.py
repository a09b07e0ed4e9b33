"""What an answer rests on, as a dictionary for machines and as lines for people."""

from typing import Any

from kedit_memory.records import Answer, Decision, Match, RetrievedPassage


def to_dict(result: Answer | Decision) -> dict[str, Any]:
    """A JSON-ready account: route, reason, edits with distance and radius, passages, popularity, timings."""
    popularity = result.popularity
    account: dict[str, Any] = {"question": result.question}
    if isinstance(result, Answer):
        account["answer"] = result.text
    account |= {
        "route": result.route.value,
        "reason": result.reason,
        "edits": [_match(match) for match in result.edits],
        "considered": [_match(match) for match in result.considered],
        "passages": [_passage(found) for found in result.passages],
        "popularity": None if popularity is None else {"subject": popularity.subject, "tier": popularity.tier},
        "timings": {step: round(seconds, 6) for step, seconds in result.timings.items()},
    }
    return account


def to_lines(result: Answer | Decision) -> list[str]:
    """The same for a terminal, a fact a line."""
    lines = [f"route:  {result.route.value}", f"reason: {result.reason}"]
    for word, matches in (("edit", result.edits), ("near", result.considered)):
        lines += [
            f"{word}:   {m.edit.id} {m.edit.statement}  (distance {m.distance:.3f}, radius {m.radius:.3f}{_score(m)})"
            for m in matches
        ]
    for found in result.passages:
        source = f", {found.passage.source}" if found.passage.source else ""
        lines.append(f"passage: {found.passage.title or found.passage.id}  (score {found.score:.2f}{source})")
    steps = ", ".join(f"{step} {1000 * seconds:.1f} ms" for step, seconds in result.timings.items())
    return [*lines, f"time:   {steps}"]


def _score(match: Match) -> str:
    return "" if match.score is None else f", score {match.score:.3f}"


def _match(match: Match) -> dict[str, Any]:
    edit = match.edit
    return {
        "id": edit.id,
        "kind": edit.kind.value,
        "prompt": edit.prompt,
        "target": edit.target,
        "statement": edit.statement,
        "key": match.key,
        "distance": round(match.distance, 6),
        "radius": round(match.radius, 6),
        "score": None if match.score is None else round(match.score, 6),
    }


def _passage(found: RetrievedPassage) -> dict[str, Any]:
    passage = found.passage
    return {
        "id": passage.id,
        "title": passage.title,
        "text": passage.text,
        "source": passage.source,
        "date": passage.date,
        "score": round(found.score, 4),
    }
