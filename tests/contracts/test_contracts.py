"""The contracts: every message has a golden example that decodes for ever, and promises only grow."""

import json
from copy import deepcopy

import msgspec
import pytest

from contracts.base import Undecodable, UnknownType, decode, encode, facts, registry_of
from contracts.profiles import ProfileUpdated
from contracts.samples import sample
from contracts.schema import broken_promises, messages, present
from deploy.contracts import EXAMPLES, LANDED, asyncapi


def test_every_message_has_a_golden_example() -> None:
    missing = sorted(set(messages()) - {file.stem for file in EXAMPLES.glob("*.json")})
    assert not missing, f"run `viceversa contracts` to write the examples of {missing}"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.json")), ids=lambda file: file.stem)
def test_a_golden_example_decodes_and_keeps_every_value(file) -> None:  # type: ignore[no-untyped-def]
    kind = messages()[file.stem]
    data = json.loads(file.read_text(encoding="utf-8"))["data"]
    again = json.loads(encode(decode(kind, json.dumps(data).encode())))
    lost = [field for field in data if not keeps(data[field], again.get(field))]
    assert not lost, f"{file.stem} lost or changed {lost}"


def keeps(before: object, after: object) -> bool:
    """Whether everything that was said is still said; a nested type may have got fields since."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(name in after and keeps(value, after[name]) for name, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(keeps, before, after))
    return before == after


def test_what_landed_is_only_added_to() -> None:
    assert broken_promises(json.loads(LANDED.read_text(encoding="utf-8")), present()) == []


def test_the_landed_schema_is_the_present_one() -> None:
    assert json.loads(LANDED.read_text(encoding="utf-8")) == present(), "run `viceversa contracts`"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda now: now["messages"].pop(ProfileUpdated.WIRE), "is gone"),
        (lambda now: now["types"]["Profile"]["properties"].pop("zone"), "Profile.zone is gone"),
        (lambda now: now["types"]["Profile"]["properties"]["zone"].update(type="integer"), "Profile.zone changed"),
        (lambda now: now["types"]["Profile"]["required"].append("zone"), "Profile.zone is newly required"),
        (lambda now: now["types"]["NeedKind"]["enum"].remove("EXPLAIN"), "NeedKind lost 'EXPLAIN'"),
        (lambda now: now["types"].pop("Offer"), "Offer is gone"),
        (lambda now: now["messages"].update({ProfileUpdated.WIRE: "Other"}), "is now another type"),
    ],
)
def test_the_additive_only_check_notices(change, complaint) -> None:  # type: ignore[no-untyped-def]
    now = deepcopy(present())
    change(now)
    assert any(complaint in sentence for sentence in broken_promises(present(), now))


def test_additions_are_welcome() -> None:
    now = deepcopy(present())
    now["messages"]["viceversa.profiles.new.v1"] = "New"
    now["types"]["Profile"]["properties"]["pronouns"] = {"type": "string", "default": ""}
    now["types"]["NeedKind"]["enum"].append("SING")
    assert broken_promises(present(), now) == []


def test_a_newer_writers_fields_are_ignored() -> None:
    fact = sample(ProfileUpdated)
    newer = json.loads(encode(fact)) | {"from_the_future": {"a": 1}}
    assert facts().decode(ProfileUpdated.WIRE, json.dumps(newer).encode()) == fact


def test_an_unknown_type_is_told_from_broken_bytes() -> None:
    with pytest.raises(UnknownType, match="nobody"):
        facts().decode("nobody.v9", b"{}")
    with pytest.raises(Undecodable, match="key"):
        facts().decode(ProfileUpdated.WIRE, b"{}")
    with pytest.raises(Undecodable):
        facts().decode(ProfileUpdated.WIRE, b"\xff\xfe")


def test_two_messages_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="taken"):
        registry_of([ProfileUpdated, ProfileUpdated])


def test_asyncapi_resolves_every_reference() -> None:
    document = json.loads(asyncapi())

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            found = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return found + [each for value in node.values() for each in references(value)]
        return [each for value in node for each in references(value)] if isinstance(node, list) else []

    for reference in references(document):
        target: object = document
        for part in reference.removeprefix("#/").split("/"):
            assert isinstance(target, dict)
            assert part in target, f"{reference} leads nowhere"
            target = target[part]
    assert document["asyncapi"] == "3.0.0"
    assert msgspec.json.encode(document)
