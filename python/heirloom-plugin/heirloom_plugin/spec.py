"""A space as a person writes it, for estimators with a space of their own and for tests.

Each parameter is a mapping with the keys of a run file: `name`, `type`, `low`, `high`, `log`, `step`, `choices`,
`values`, `value`, `default`, `when`.
"""

from .space import Parameter

_KEYS = {"name", "type", "low", "high", "log", "step", "choices", "values", "value", "default", "when"}
_LISTS = {"categorical": "choices", "ordinal": "values", "constant": "value"}


def describe(parameters, name=""):
    """The description from which a `Space` is made."""
    described, index = [], {}
    for place, spec in enumerate(parameters):
        described.append(_parameter(spec, place, described, index))
        index[spec["name"]] = place
    return {"name": name, "parameters": described, "forbidden": [], "restricted": False}


def _parameter(spec, place, before, index):
    name, kind = spec.get("name"), spec.get("type")
    unknown = set(spec) - _KEYS
    if not name or name in index:
        raise ValueError(f"parameter {place} has no name, or one that stands twice: `{name}`")
    if unknown:
        raise ValueError(f"parameter `{name}` has the unknown keys {sorted(unknown)}; hint: {sorted(_KEYS)}")
    one = {"name": name, "type": kind, "default": 0.0}
    if kind in _LISTS:
        values = spec[_LISTS[kind]]
        one["values"] = [values] if kind == "constant" else list(values)
    elif kind in ("float", "int"):
        one.update(low=spec["low"], high=spec["high"], log=spec.get("log", False), step=spec.get("step"))
        if kind == "int" and one["step"] is None:
            one["step"] = 1
    else:
        raise ValueError(f"parameter `{name}` is of the unknown type `{kind}`")
    parameter = Parameter(one, place)
    if "default" in spec:
        one["default"] = parameter.from_value(spec["default"])
    elif kind != "categorical":
        one["default"] = parameter.from_unit(0.5)
    if "when" in spec:
        one["when"] = _clause(spec["when"], before, index)
    return one


def _clause(when, before, index):
    for word in ("all", "any"):
        if word in when:
            return {word: [_clause(part, before, index) for part in when[word]]}
    if when.get("parameter") not in index:
        raise ValueError(f"a condition names `{when.get('parameter')}`, which does not stand before it")
    place = index[when["parameter"]]
    parameter = Parameter(before[place], place)
    if "is" in when:
        return {"parameter": place, "in": [parameter.from_value(when["is"])]}
    if "one_of" in when:
        return {"parameter": place, "in": [parameter.from_value(value) for value in when["one_of"]]}
    if parameter.choices is None:
        return {"parameter": place, "low": when.get("at_least"), "high": when.get("at_most")}
    low, high = when.get("at_least", float("-inf")), when.get("at_most", float("inf"))
    inside = [float(at) for at, value in enumerate(parameter.choices) if low <= value <= high]
    return {"parameter": place, "in": inside}
