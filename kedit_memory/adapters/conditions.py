"""Which records pass a filter: the comparisons that the interfaces of others share, under their names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from kedit_memory.errors import InvalidInputError, UnknownNameError
from kedit_memory.memory.arguments import shown

Passes: TypeAlias = Callable[[Mapping[str, Any]], bool]


def comparison(operator: object, given: Any) -> Callable[[Any], bool]:
    """Whether a value stands in a relation, such as "gte", to the one given.

    Raises:
        InvalidInputError: nothing can stand in that relation to it.
        UnknownNameError: there is no such relation.
    """
    if operator not in _COMPARISONS:
        raise UnknownNameError("comparison", str(operator), _COMPARISONS)
    compare, (kinds, wanted) = _COMPARISONS[str(operator)]
    if not isinstance(given, kinds):
        raise InvalidInputError(f"{operator} is given {shown(given)}; give {wanted}")
    return lambda value: compare(value, given)


def of_field(name: str, check: Callable[[Any], bool]) -> Passes:
    """Whether a field of a record, None where it is missing, passes a check."""
    return lambda record: check(record.get(name))


def all_of(parts: Iterable[Passes]) -> Passes:
    """Whether a record passes all parts."""
    parts = tuple(parts)
    return lambda record: all(part(record) for part in parts)


def any_of(parts: Iterable[Passes]) -> Passes:
    """Whether a record passes one of the parts."""
    parts = tuple(parts)
    return lambda record: any(part(record) for part in parts)


def with_dollars(asked: object) -> Passes:
    """A filter such as `{"color": "red", "score": {"$gte": 4}}`: all fields of a record are as it says.

    Raises:
        InvalidInputError: it is no object, or as in `comparison`.
    """
    if not isinstance(asked, Mapping):
        raise InvalidInputError(f'a filter is {shown(asked)}; give an object such as {{"color": "red"}}')
    return all_of(of_field(name, _as_asked(value)) for name, value in asked.items())


def _as_asked(asked: Any) -> Callable[[Any], bool]:
    """Whether a value is another, or stands in some relations to others, or its own fields are as asked."""
    if not isinstance(asked, Mapping):
        return comparison("eq", asked)
    if any(str(name).startswith("$") for name in asked):
        checks = [comparison(str(name).removeprefix("$"), given) for name, given in asked.items()]
        return lambda value: all(check(value) for check in checks)
    passes = with_dollars(asked)
    return lambda value: isinstance(value, Mapping) and passes(value)


def _same(value: Any, given: Any) -> bool:
    """Equal as JSON, in which true is not 1."""
    return bool(value == given) and isinstance(value, bool) is isinstance(given, bool)


def _in_order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A comparison of two numbers, or of two texts; anything else has no order."""

    def compared(value: Any, given: Any) -> bool:
        kinds = [str if isinstance(one, str) else float for one in (value, given)]
        ordered = all(isinstance(one, (int, float, str)) and not isinstance(one, bool) for one in (value, given))
        return ordered and kinds[0] is kinds[1] and compare(value, given)

    return compared


def _within(value: Any, given: Sequence[Any]) -> bool:
    return any(_same(value, one) for one in given)


def _contains(value: Any, given: str) -> bool:
    """Whether a text holds another, or a list the text."""
    return given in value if isinstance(value, (str, list)) else False


_ANYTHING = (object, "a value")
_ORDERED = ((int, float, str), "a number or a text")
_SEVERAL = ((list, tuple), "a list of values")
_TEXT = (str, "a text")
# By its name: the comparison of a value with the one given, and what that may be.
_COMPARISONS: Mapping[str, tuple[Callable[[Any, Any], bool], tuple[Any, str]]] = {
    "eq": (_same, _ANYTHING),
    "ne": (lambda value, given: not _same(value, given), _ANYTHING),
    "gt": (_in_order(lambda value, given: value > given), _ORDERED),
    "gte": (_in_order(lambda value, given: value >= given), _ORDERED),
    "lt": (_in_order(lambda value, given: value < given), _ORDERED),
    "lte": (_in_order(lambda value, given: value <= given), _ORDERED),
    "in": (_within, _SEVERAL),
    "nin": (lambda value, given: not _within(value, given), _SEVERAL),
    "contains": (_contains, _TEXT),
    "icontains": (lambda value, given: isinstance(value, str) and given.casefold() in value.casefold(), _TEXT),
}
