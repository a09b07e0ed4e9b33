"""From what a caller asks, of a new edit or a stored one, to an edit that can be stored, or one line saying why not."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import Any, Final

from kedit_memory.errors import InvalidInputError
from kedit_memory.memory.arguments import namespace_name, shown
from kedit_memory.memory.radius import LARGEST_RADIUS, initial_radius
from kedit_memory.memory.rows import Snapshot, looks_like_id
from kedit_memory.records import DEFAULT_NAMESPACE, REQUEST_FIELDS, Answered, Edit, EditRequest, KeyKind, Kind, Status
from kedit_memory.text import LONGEST_NAME, clean, clean_line, verbatim

MOST_PARAPHRASES = 64
LONGEST_METADATA = 16_000  # characters of its JSON


def _own_id(value: object, name: str) -> str:
    """A caller's name for an edit, which cannot be taken for one of the store's."""
    given = clean_line(value, name, LONGEST_NAME)
    if looks_like_id(given):
        raise InvalidInputError(f"id {given!r} looks like one that the store gives; choose another, such as 'policy-7'")
    return given


_DATE = re.compile(r"\d{4}(-\d{2}){0,2}")
_FORMS: Mapping[str, Callable[[object, str], str]] = {
    "prompt": clean,
    "target": verbatim,
    "statement": verbatim,
    "subject": clean_line,
    "relation": clean_line,
    "source": clean_line,
    "namespace": lambda value, _: namespace_name(value),
    "id": _own_id,
}


class Unchanged(Enum):
    """What stands for a field that an update leaves alone, since None takes its value away."""

    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return self.name


UNCHANGED: Final = Unchanged.UNCHANGED


@dataclass(frozen=True, kw_only=True)
class KeyText:
    """A text by which an edit is found."""

    kind: KeyKind
    text: str


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A validated edit without id, and the texts of its keys."""

    edit: Edit
    keys: tuple[KeyText, ...]
    kind_given: bool  # False leaves it to what the edit turns out to do

    @property
    def texts(self) -> list[str]:
        """The texts to be encoded."""
        return [key.text for key in self.keys]

    def moved(self, namespace: str) -> "Draft":
        """The same of another namespace."""
        return replace(self, edit=replace(self.edit, namespace=namespace))


@dataclass(frozen=True, kw_only=True)
class StoredEdit:
    """A line of an export: an edit as it was, with the radius of each of its keys."""

    edit: Edit
    keys: tuple[tuple[KeyText, float], ...]

    @property
    def texts(self) -> list[str]:
        """The texts to be encoded."""
        return [key.text for key, _ in self.keys]

    def moved(self, namespace: str) -> "StoredEdit":
        """The same of another namespace."""
        return replace(self, edit=replace(self.edit, namespace=namespace))


def validate(request: EditRequest, *, created_at: str = "") -> Draft:
    """The edit that a request asks for; target and statement to the character, all else in normal form.

    A prompt with its target, a statement alone (which is then prompt and target too), subject with
    relation and target, or, for an erasure, a prompt or a subject with its relation.

    Raises:
        InvalidInputError: something is missing, malformed or beyond a limit.
    """
    request = _cleaned(request)
    prompt, target, statement = _wording(request)
    kind = request.kind or (Kind.ERASURE if target is None else Kind.INSERTION)
    if (kind is Kind.ERASURE) != (target is None):
        raise InvalidInputError(_kind_message(kind, target))
    keys = _keys(prompt, request)
    edit = Edit(
        id="",
        kind=kind,
        prompt=prompt,
        target=target,
        statement=statement,
        subject=request.subject,
        relation=request.relation,
        paraphrases=tuple(request.paraphrases),
        aliases=tuple(request.aliases),
        radius=initial_radius(request.radius),
        radius_fixed=request.radius is not None,
        valid_from=request.valid_from,
        valid_until=request.valid_until,
        source=request.source,
        namespace=request.namespace,
        metadata=request.metadata,
        given_id=request.id,
        created_at=created_at,
    )
    return Draft(edit=edit, keys=keys, kind_given=request.kind is not None)


def request_to_add(request: EditRequest) -> EditRequest:
    """The request that `add` was meant to make: one text alone is a statement.

    Raises:
        InvalidInputError: no target can be told, or a question is left without its answer.
    """
    if request.target is not None or request.kind is Kind.ERASURE:
        return request
    if request.statement is None:
        request = replace(request, prompt=None, statement=request.prompt)
    if request.statement is None:
        raise InvalidInputError("no target; give a target, a statement alone, or use erase")
    if request.prompt is None and str(request.statement).rstrip().endswith("?"):
        raise InvalidInputError("a question without its answer; give the answer after it, or use erase")
    return request


def revised(before: Snapshot, changes: Mapping[str, Any]) -> Draft:
    """The validated edit that `changes` make of a stored one, with its id and time; None takes a value away.

    A statement that was made from the rest is made again; an edit that is a statement alone changes
    as a whole. A radius that was given stays; None hands it back to the rules of scope.

    Raises:
        InvalidInputError: the edit is not active, nothing is changed, or a value is not allowed.
    """
    old = before.edit
    if old.status is not Status.ACTIVE:
        raise InvalidInputError(f"{old.id} is {old.status}; only an active edit is updated, add anew")
    if not changes:
        raise InvalidInputError(f"nothing to change in {old.id}; give a field such as target")
    fields = _request_fields(old)
    if changes.get("target", "") is None:
        fields["statement"] = None  # which may say what is to be forgotten
    fields |= changes
    fields |= _whole_statement(old, changes)
    fields["kind"] = Kind.ERASURE if fields["target"] is None else None
    draft = validate(EditRequest(**_without_none(fields)), created_at=old.created_at)
    kind = draft.edit.kind
    if kind is not Kind.ERASURE:
        kind = Kind.MODIFICATION if old.kind is Kind.ERASURE else old.kind
    return replace(draft, edit=replace(draft.edit, id=old.id, kind=kind, part_of=old.part_of))


def without_made_statement(request: EditRequest) -> EditRequest:
    """The request without its statement where that is what the rest makes; errors as in `validate`."""
    bare = replace(request, statement=None)
    return bare if validate(bare).edit.statement == request.statement else request


def statement_of(prompt: str, target: str) -> str:
    """A prompt and its target as one text: a cloze becomes a sentence, a question keeps its answer.

    A target of several lines begins on a line of its own, so that lists and code keep their form. No language model
    runs when something is written; what reads it may put an `Answered` question as a sentence.
    """
    if "\n" in target:
        return f"{prompt}\n{target}"
    if prompt.endswith("?"):
        return Answered(prompt, target)
    return f"{prompt} {target}" + ("" if target.endswith((".", "!", "?")) else ".")


def fact_of(edit: Edit) -> str:
    """What a model reads of an edit: the caller's statement as it is, one that was made as `statement_of` makes it."""
    made = statement_of(edit.prompt, edit.target or "")
    return made if made == edit.statement else edit.statement


def request_of(row: object, where: str, namespace: str = DEFAULT_NAMESPACE) -> EditRequest:
    """A request from a mapping, such as one line of a JSONL file.

    A row without target must say `"kind": "erasure"`: a forgotten target must not erase a fact.

    Raises:
        InvalidInputError: not a mapping, unknown fields, or lists and kinds that are none.
    """
    if isinstance(row, EditRequest):
        return row
    if not isinstance(row, Mapping):
        raise InvalidInputError(f"{where}: {shown(row)} is no object; give fields such as prompt")
    given = _without_none({str(name): value for name, value in row.items()})
    if unknown := sorted(set(given) - REQUEST_FIELDS):
        raise InvalidInputError(f"{where}: unknown field {unknown[0]!r} (known: {', '.join(sorted(REQUEST_FIELDS))})")
    for name in ("paraphrases", "aliases"):
        if name in given:
            given[name] = _text_tuple(name, given[name])
    if "kind" in given:
        given["kind"] = _kind(given["kind"])
    if isinstance(given.get("id"), int):
        given["id"] = str(given["id"])
    if not {"target", "statement"} & set(given) and given.get("kind") is not Kind.ERASURE:
        raise InvalidInputError(f"{where}: no target; give a target or a statement, or kind 'erasure' to erase")
    return EditRequest(**({"namespace": namespace} | given))


def day(value: str, name: str = "date") -> str:
    """A date as a day: "2024" and "2024-07" mean their first one.

    Raises:
        InvalidInputError: not an ISO 8601 year, month or day.
    """
    given = str(value).strip()
    if _DATE.fullmatch(given):
        whole = given + "0001-01-01"[len(given) :]
        try:
            return date.fromisoformat(whole).isoformat()
        except ValueError:
            pass
    raise InvalidInputError(f"{name} {shown(value)} is no date; write YYYY, YYYY-MM or YYYY-MM-DD")


def check_radius(radius: object) -> float:
    """A radius as a number from 0 to 2.

    Raises:
        InvalidInputError: anything else, NaN included.
    """
    if isinstance(radius, (int, float)) and not isinstance(radius, bool) and 0 <= radius <= LARGEST_RADIUS:
        return float(radius)  # NaN fails the comparison
    raise InvalidInputError(f"radius {shown(radius)} is not allowed; give a number from 0 to 2")


def metadata_of(value: object) -> dict[str, Any]:
    """A caller's own values, as JSON gives them back.

    Raises:
        InvalidInputError: no JSON object, or too long.
    """
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"metadata is {type(value).__name__}; give an object of JSON values")
    try:
        text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"metadata is no JSON ({error}); give JSON values only") from None
    if len(text) > LONGEST_METADATA:
        raise InvalidInputError(
            f"metadata has {len(text)} characters as JSON, {LONGEST_METADATA} are allowed; shorten it"
        )
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _cleaned(request: EditRequest) -> EditRequest:
    """The request with each field checked and in normal form."""
    texts = {name: form(value, name) for name, form in _FORMS.items() if (value := getattr(request, name)) is not None}
    if "namespace" not in texts:
        raise InvalidInputError("namespace is None; give a name such as 'default'")
    start = day(request.valid_from, "valid_from") if request.valid_from is not None else None
    end = day(request.valid_until, "valid_until") if request.valid_until is not None else None
    if start and end and start >= end:
        raise InvalidInputError(f"valid_from {start} is not before valid_until {end}; the interval excludes its end")
    return replace(
        request,
        **texts,
        paraphrases=_several("paraphrases", request.paraphrases, clean),
        aliases=_several("aliases", request.aliases, clean_line),
        radius=None if request.radius is None else check_radius(request.radius),
        valid_from=start,
        valid_until=end,
        metadata=metadata_of(request.metadata),
        kind=None if request.kind is None else _kind(request.kind),
    )


def _wording(request: EditRequest) -> tuple[str, str | None, str]:
    """Prompt, target and statement of a cleaned request, made where they follow from the rest."""
    prompt, target, statement = request.prompt, request.target, request.statement
    relation = request.relation.replace("_", " ") if request.relation else None
    made = None
    if request.subject and relation:
        asked = f"What is the {relation} of {request.subject}?"
        if prompt in (None, asked) and (prompt or not statement):
            prompt, made = asked, f"The {relation} of {request.subject} is {target}."
    if target is None and request.kind is not Kind.ERASURE:
        target = statement
    if prompt is None and statement is not None:
        prompt = clean(statement, "statement")
    if prompt is None:
        raise InvalidInputError(
            "nothing to remember; give prompt and target, a statement, or subject, relation and target"
        )
    if target is None:
        return prompt, None, statement or prompt
    return prompt, target, statement or made or str(statement_of(prompt, target))


def _keys(prompt: str, request: EditRequest) -> tuple[KeyText, ...]:
    """The texts to be encoded, each once; a machine-made statement would only repeat the prompt."""
    texts = [KeyText(kind=KeyKind.PROMPT, text=prompt)]
    if request.statement:
        texts.append(KeyText(kind=KeyKind.STATEMENT, text=clean(request.statement, "statement")))
    texts += [KeyText(kind=KeyKind.PARAPHRASE, text=text) for text in request.paraphrases]
    first = {key.text: key for key in reversed(texts)}
    return tuple(key for key in texts if first[key.text] is key)


def _several(name: str, values: object, form: Callable[[object, str], str]) -> tuple[str, ...]:
    texts = _text_tuple(name, values)
    if len(texts) > MOST_PARAPHRASES:
        raise InvalidInputError(f"{len(texts)} {name}, {MOST_PARAPHRASES} are allowed; give fewer")
    return tuple(dict.fromkeys(form(text, f"{name}[{n}]") for n, text in enumerate(texts)))


def _request_fields(edit: Edit) -> dict[str, Any]:
    """A stored edit as a request would give it: without a statement that the rest makes."""
    fields = {name: getattr(edit, name) for name in REQUEST_FIELDS - {"id", "kind", "radius"}}
    fields |= {"id": edit.given_id, "radius": edit.radius if edit.radius_fixed else None}
    kind = Kind.ERASURE if edit.target is None else None
    return fields | {"statement": without_made_statement(EditRequest(**fields, kind=kind)).statement}


def _whole_statement(old: Edit, changes: Mapping[str, Any]) -> dict[str, str | None]:
    """For an edit that is a statement alone: the new text in all three places."""
    text = changes.get("statement") or changes.get("target") or changes.get("prompt")
    if not text or old.statement != old.target or old.prompt != clean(old.statement, "statement"):
        return {}
    if {"prompt", "target"} <= set(changes):
        return {"statement": changes.get("statement")}
    return {"prompt": text, "target": text, "statement": text}


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of which None means the default."""
    return {name: value for name, value in fields.items() if value is not None}


def _text_tuple(name: str, values: object) -> tuple[str, ...]:
    if isinstance(values, (list, tuple)):
        return tuple(values)
    raise InvalidInputError(f"{name} is {type(values).__name__}; give a list of texts")


def _kind(value: object) -> Kind:
    try:
        return Kind(str(value))
    except ValueError:
        known = ", ".join(Kind)
        raise InvalidInputError(f"kind {shown(value)} is unknown (known: {known})") from None


def _kind_message(kind: Kind, target: str | None) -> str:
    if target is None:
        return f"no target for kind '{kind}'; give a target, or use erase to make it forgotten"
    return "an erasure has no target; leave out the target, or the kind"
