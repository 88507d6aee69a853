"""The reference of the service's calls, from its OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crosslevel.serving.service import description
from docs.tables.cells import fill, markdown

Schema = Mapping[str, Any]
HEADER = ("name", "what it is", "meaning")
_HIDDEN = "Body_"
"""How FastAPI names the forms of calls, which are shown with the call."""
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")
"""Described by it, but ours are of one shape, `Problem`."""


def calls(page: Path) -> str:
    """Show every call with its parameters and answers, then what the answers are made of."""
    del page
    known = description()
    schemas = known["components"]["schemas"]
    parts = [
        _call(f"{method.upper()} {path}", call, schemas)
        for path, methods in known["paths"].items()
        for method, call in methods.items()
    ]
    shown = [name for name in sorted(schemas) if not name.startswith(_HIDDEN)]
    shown = [name for name in shown if name not in _OF_FASTAPI]
    return "\n\n".join([*parts, *(_schema(name, schemas[name]) for name in shown)])


def _call(title: str, call: Schema, schemas: Schema) -> str:
    lines = [f"## {title}", "", *fill(f"{call['summary']}. {call.get('description', '')}".strip())]
    if sent := list(_sent(call, schemas)):
        lines += ["", markdown(HEADER, sent)]
    answers = [
        (status, _of_content(answer.get("content", {})), answer["description"])
        for status, answer in sorted(call["responses"].items())
    ]
    return "\n".join([*lines, "", markdown(("status", "answer", "meaning"), answers)])


def _sent(call: Schema, schemas: Schema) -> Iterator[tuple[str, str, str]]:
    for one in call.get("parameters", ()):
        kind = f"{_type(one['schema'])}, in the address"
        yield f"`{one['name']}`", kind, one.get("description", "")
    for kind, content in call.get("requestBody", {}).get("content", {}).items():
        name = _referred(content["schema"])
        if name.startswith(_HIDDEN):
            for field, schema in schemas[name]["properties"].items():
                yield f"`{field}`", "file, in the form", schema.get("description", "")
        else:
            yield "the body", f"[{name}](#{name.lower()}), {kind}", ""


def _schema(name: str, schema: Schema) -> str:
    fields = [
        (f"`{field}`", _type(about), about.get("description", ""))
        for field, about in schema["properties"].items()
    ]
    lines = [f"## {name}", "", *fill(schema.get("description", "")), ""]
    return "\n".join([*lines, markdown(HEADER, fields)])


def _of_content(content: Schema) -> str:
    return " or ".join(
        f"[{_referred(of['schema'])}](#{_referred(of['schema']).lower()})"
        if "$ref" in of.get("schema", {})
        else f"`{kind}`"
        for kind, of in content.items()
    )


def _referred(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _type(schema: Schema) -> str:
    """Return a type in words; what may be null may be left out."""
    if "$ref" in schema:
        name = _referred(schema)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        kinds = [_type(one) for one in schema["anyOf"] if one.get("type") != "null"]
        is_optional = len(kinds) < len(schema["anyOf"])
        return " or ".join(kinds) + (", may be missing" if is_optional else "")
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if kind == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    if kind == "array" and "prefixItems" in schema:
        return " and ".join(_type(one) for one in schema["prefixItems"])
    return kind
