"""The schema as clients read it: exported, described, complete."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema as parse_schema,
    get_named_type,
)

from contracts.base import commands
from gateway import policy
from gateway.schema import build_schema, sdl
from gateway.schema.refusals import Refused

EXPORTED = Path(__file__).resolve().parents[2] / "gateway" / "schema.graphql"


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """What clients see."""
    return parse_schema(sdl())


def named_types(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    """Every type that is ours."""
    for name, found in schema.type_map.items():
        if not name.startswith("__") and name not in {"ID", "Int", "Float", "String", "Boolean"}:
            yield found


def undescribed(schema: GraphQLSchema) -> Iterator[str]:
    """Everything without a description."""
    for found in named_types(schema):
        if not found.description:
            yield found.name
        if isinstance(found, GraphQLEnumType):
            yield from (f"{found.name}.{name}" for name, value in found.values.items() if not value.description)
        if isinstance(found, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for name, field in found.fields.items():
                if not field.description:
                    yield f"{found.name}.{name}"
                for argument, what in getattr(field, "args", {}).items():
                    if not what.description:
                        yield f"{found.name}.{name}({argument})"


def test_is_exported_as_it_is() -> None:
    assert EXPORTED.read_text(encoding="utf-8") == sdl(), "run: make schema"


def test_describes_everything(schema: GraphQLSchema) -> None:
    assert list(undescribed(schema)) == []


def test_has_one_mutation_for_every_command(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    wanted = {kind.__name__[0].lower() + kind.__name__[1:] for kind in commands().classes.values()}
    assert set(schema.mutation_type.fields) == wanted | {"advanceClock"}


def test_answers_every_mutation_with_a_union_of_its_object_and_all_refusals(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    refusals = {kind.__name__ for kind in Refused.__args__}
    for name, field in schema.mutation_type.fields.items():
        answer = get_named_type(field.type)
        assert isinstance(answer, GraphQLUnionType), name
        members = {member.name for member in answer.types}
        assert refusals < members, name
        assert len(members - refusals) == 1, name


def test_lets_every_mutation_be_repeated(schema: GraphQLSchema) -> None:
    assert schema.mutation_type is not None
    for name, field in schema.mutation_type.fields.items():
        assert set(field.args) == {"input"}, name
        given = get_named_type(field.args["input"].type)
        assert isinstance(given, GraphQLInputObjectType)
        assert "commandId" in given.fields, name


def test_gives_every_refusal_a_message_a_code_and_a_remedy(schema: GraphQLSchema) -> None:
    for kind in Refused.__args__:
        found = schema.type_map[kind.__name__]
        assert isinstance(found, GraphQLObjectType)
        assert {"message", "code", "remedy"} <= set(found.fields)
        assert [each.name for each in found.interfaces] == ["Refusal"]


def snake(name: str) -> str:
    """camelCase to snake_case."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("Person", policy.PERSON),
        ("Pair", policy.PAIR),
        ("Cohort", policy.COHORT),
        ("Organization", policy.ORGANIZATION),
        ("RoundPlan", policy.ROUND_PLAN),
        ("GroupPlan", policy.GROUP_PLAN),
        ("Calibration", policy.CALIBRATION),
    ],
)
def test_has_a_row_of_policy_for_every_field(schema: GraphQLSchema, name: str, table: dict[str, object]) -> None:
    found = schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    assert {snake(field) for field in found.fields} == set(table)


def test_can_be_fetched_again_wherever_it_has_an_id(schema: GraphQLSchema) -> None:
    from gateway.schema.finding import FINDERS

    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert len(schema.get_possible_types(node)) == len(FINDERS)


def test_suggests_nothing_outside_development() -> None:
    hidden = build_schema().execute_sync("{ viewers { subject } }")
    shown = build_schema(suggestions=True).execute_sync("{ viewers { subject } }")
    assert hidden.errors is not None
    assert shown.errors is not None
    assert "Did you mean" not in hidden.errors[0].message
    assert "Did you mean" in shown.errors[0].message
