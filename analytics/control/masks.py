"""Values under keys that look like secrets are not shown: `"********"` stands for them.

Sent back, the mask means the value that is stored at the same place. A `secretRef` is no secret and stays as it stands.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from extender.control.problems import Detail, Invalid

MASK: Final = "********"
REFERENCE: Final = "secretRef"
_FLAT_CONFIGS: Final = "plugin_configs"
_ENDINGS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "credential",
    "credentials",
    "authorization",
)
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE: Final = re.compile(
    r"(?P<key>[\"']?(?P<name>[\w-]+)[\"']?\s*:\s+|[\"'](?P<quoted>[\w-]+)[\"']:)"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s,}\]#{\[][^,}\]\n#]*)"
)
_ODD: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_BLOCK: Final = re.compile(r"[|>][+-]?\d?[+-]?\s*")

Path = tuple[str, ...]


def is_secret(key: object) -> bool:
    """A key whose value is not for showing: `token`, `bearer-token`, `apiKey`."""
    return isinstance(key, str) and key.replace("-", "").replace("_", "").lower().endswith(_ENDINGS)


def masked(value: Any) -> Any:
    """A tree of JSON values, with the mask in place of secrets."""
    if isinstance(value, Mapping):
        return {key: _hidden(inner) if is_secret(key) else masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner) for inner in value]
    return value


def _hidden(value: Any) -> Any:
    if value is None or value == "" or (isinstance(value, Mapping) and set(value) == {REFERENCE}):
        return value
    return MASK


def masked_at(path: str, value: Any) -> Any:
    """The value at a path such as `profiles[0].pluginConfig[1].args.token`."""
    steps = re.split(r"[.\[\]'\"]+", path)
    return _hidden(value) if any(is_secret(step) for step in steps) else masked(value)


def masked_text(text: str) -> str:
    """A policy's text with everything else, comments too, as it was. For long texts call it in a thread."""
    try:
        spots = list(_spots(text))
    except (yaml.YAMLError, RecursionError, ValueError):
        return masked_lines(text)
    return _replaced(text, [(spot, _quoted(spot.mask)) for spot in spots if spot.value != spot.mask])


def restored_text(text: str, stored: str) -> str:
    """`text` with each mask replaced by what `stored` has at the same place. Raises Invalid where there is nothing."""
    if MASK not in text:
        return text
    try:
        given = [spot for spot in _spots(text) if MASK in spot.value]
    except (yaml.YAMLError, RecursionError, ValueError):
        return text  # whoever parses it says what is wrong
    try:
        kept = {spot.path: spot for spot in _spots(stored)}
    except (yaml.YAMLError, RecursionError, ValueError):
        kept = {}
    values: list[tuple[_Spot, str]] = []
    missing: list[Detail] = []
    for spot in given:
        if spot.path and spot.path[-1] == _FLAT_CONFIGS:
            inner = kept[spot.path].value if spot.path in kept else ""
            values.append((spot, _quoted(restored_text(spot.value, inner))))
        elif spot.value == MASK and spot.path in kept:
            values.append((spot, kept[spot.path].written))
        elif spot.value == MASK:
            missing.append(_nothing_behind(".".join(spot.path)))
    if missing:
        raise Invalid("The policy holds a mask that nothing stands behind.", missing)
    return _replaced(text, values)


def holds_mask(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(holds_mask(inner) for inner in value.values())
    return bool(value == MASK)


def without_masks(args: Mapping[str, Any], stored: Any, path: str = "") -> dict[str, Any]:
    """Arguments to merge into `stored`; what is masked is left out, so that it stays. Raises Invalid."""
    kept = stored if isinstance(stored, Mapping) else {}
    found: dict[str, Any] = {}
    for key, given in args.items():
        here = f"{path}.{key}" if path else str(key)
        if given == MASK and is_secret(key):
            if key not in kept:
                raise Invalid("The arguments hold a mask that nothing stands behind.", [_nothing_behind(here)])
        elif isinstance(given, Mapping):
            found[key] = without_masks(given, kept.get(key), here)
        else:
            found[key] = given
    return found


def _nothing_behind(path: str) -> Detail:
    return Detail(path, f"{MASK} stands for a value that is stored, and none is: write the value, or a {REFERENCE}")


def masked_lines(text: str) -> str:
    """Line by line, for what is no YAML: broken policies, unified diffs."""
    lines: list[str] = []
    hidden_below: int | None = None
    for line in text.split("\n"):
        bare = line[1:] if line[:1] in "+- " else line
        depth = len(bare) - len(bare.lstrip())
        if hidden_below is not None and bare.strip():
            if depth > hidden_below:
                lines.append(line[: len(line) - len(bare.lstrip())] + MASK)
                continue
            hidden_below = None
        found = _LINE.search(bare)
        while found is not None and not is_secret(found["name"] or found["quoted"]):
            found = _LINE.search(bare, found.end("key"))
        if found is not None and _BLOCK.fullmatch(found["value"]):
            hidden_below = depth
        lines.append(_LINE.sub(_hide, line))
    return "\n".join(lines)


def _hide(found: re.Match[str]) -> str:
    secret = is_secret(found["name"] or found["quoted"]) and not _BLOCK.fullmatch(found["value"])
    return f'{found["key"]}"{MASK}"' if secret else found[0]


@dataclass(frozen=True, slots=True)
class _Spot:
    """One value that is not shown, or (under `plugin_configs`) a text that may hold some."""

    path: Path
    start: int
    end: int
    value: str
    mask: str
    written: str
    """The value as any document may hold it: quoted, or as it stands where it is no text."""


def _spots(text: str) -> Iterator[_Spot]:
    """In the order of the text, each once. Raises YAMLError, RecursionError."""
    node = yaml.compose(text, Loader=_LOADER)
    if node is None:
        return
    seen: set[int] = set()
    stack: list[tuple[Any, Path, bool]] = [(node, (), False)]
    found: list[_Spot] = []
    while stack:
        node, path, secret = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            mask = MASK if secret else masked_text(node.value) if path and path[-1] == _FLAT_CONFIGS else ""
            if mask and node.value:
                start, end = node.start_mark.index, node.end_mark.index
                written = _quoted(node.value) if node.tag.endswith(":str") or node.style else text[start:end]
                found.append(_Spot(path, start, end, node.value, mask, written))
        elif isinstance(node, yaml.SequenceNode):
            stack += [
                (item, (*path, label), secret)
                for item, label in zip(node.value, _labels(node.value, named=not secret), strict=True)
            ]
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else ""
                stack.append((value, (*path, name), name != REFERENCE and (secret or is_secret(name))))
    yield from sorted(found, key=lambda spot: spot.start)


def _quoted(value: str) -> str:
    """Double quotes that JSON and YAML read alike; YAML takes surrogate pairs for two characters."""
    return _ODD.sub(lambda odd: f"\\u{ord(odd[0]):04x}", json.dumps(value, ensure_ascii=False))


def _labels(items: Sequence[Any], *, named: bool) -> Iterator[str]:
    """Entries of a list are known by their name where they have one: they keep it when others come and go."""
    seen: Counter[str] = Counter()
    for at, item in enumerate(items):
        name = _name(item) if named else None
        if name is None:
            yield f"[{at}]"
        else:
            yield f"[{name}]" if not seen[name] else f"[{name}, {seen[name] + 1}]"
            seen[name] += 1


def _name(item: Any) -> str | None:
    for key, value in item.value if isinstance(item, yaml.MappingNode) else ():
        if getattr(key, "value", "") in ("name", "schedulerName") and isinstance(value, yaml.ScalarNode):
            return str(value.value)
    return None


def _replaced(text: str, values: list[tuple[_Spot, str]]) -> str:
    pieces: list[str] = []
    at = 0
    for spot, value in values:
        # A block scalar takes its last line end with it.
        line_end = (
            "\n" if text[spot.start : spot.start + 1] in ("|", ">") and text[spot.end - 1 : spot.end] == "\n" else ""
        )
        pieces += [text[at : spot.start], value, line_end]
        at = spot.end
    return "".join([*pieces, text[at:]])
