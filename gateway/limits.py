"""What a query may cost, decided before it is validated, let alone run. Fragments are measured once each, however often they are spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

MOST_TOKENS = 2_000
MOST_DEPTH = 20
MOST_ALIASES = 30
MOST_DIRECTIVES = 30
MOST_OBJECTS = 20_000  # that a query could ask for, if every page were full
MOST_ROOT_MUTATIONS = 10
_DEFAULT_PAGE = 20
_LARGEST_PAGE = 100
_CACHED_DOCUMENTS = 512
_INTROSPECTION = {"__schema", "__type", "__typename"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a selection adds up to."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    objects: int = 0
    pages: bool = False  # whether `edges` or `nodes` are selected directly

    def beside(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.objects + other.objects,
            self.pages or other.pages,
        )


class Costs:
    """Measures one document; each fragment once."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.known: dict[str, Cost | None] = {}

    def of(self, selections: SelectionSetNode | None) -> Cost:
        """The cost of a selection set. An unknown fragment costs nothing here: validation refuses it."""
        total = Cost()
        for each in selections.selections if selections else ():
            if isinstance(each, FieldNode):
                total = total.beside(self._field(each))
            elif isinstance(each, InlineFragmentNode):
                total = total.beside(self.of(each.selection_set)).beside(Cost(directives=len(each.directives or ())))
            elif isinstance(each, FragmentSpreadNode):
                total = total.beside(self._fragment(each.name.value)).beside(
                    Cost(directives=len(each.directives or ()))
                )
        return total

    def _field(self, field: FieldNode) -> Cost:
        inside = self.of(field.selection_set)
        times = _page(field) if inside.pages or _asks_for_page(field) else 1
        return Cost(
            depth=inside.depth + 1,
            aliases=inside.aliases + (1 if field.alias else 0),
            directives=inside.directives + len(field.directives or ()),
            objects=(inside.objects + 1) * times if field.selection_set else 0,
            pages=field.name.value in {"edges", "nodes"},
        )

    def _fragment(self, name: str) -> Cost:
        if name not in self.known:
            self.known[name] = None  # being measured: a spread of itself is refused
            fragment = self.fragments.get(name)
            self.known[name] = self.of(fragment.selection_set) if fragment else Cost()
        cost = self.known[name]
        return Cost(depth=MOST_DEPTH + 1) if cost is None else cost


def _asks_for_page(field: FieldNode) -> bool:
    return any(argument.name.value == "first" for argument in field.arguments or ())


def _page(field: FieldNode) -> int:
    for argument in field.arguments or ():
        if argument.name.value == "first":
            if isinstance(argument.value, IntValueNode):
                return max(1, min(int(argument.value.value), _LARGEST_PAGE))
            return _LARGEST_PAGE
    return _DEFAULT_PAGE


def refusals(document: DocumentNode) -> list[GraphQLError]:
    """Why the document costs too much; empty when it does not."""
    costs = Costs(document)
    total = Cost()
    mutations = 0
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            total = total.beside(costs.of(each.selection_set)).beside(Cost(directives=len(each.directives or ())))
            if each.operation.value == "mutation":
                mutations += len(each.selection_set.selections)
    limits = (
        ("deep", total.depth, MOST_DEPTH, "Ask in several queries, by ids."),
        ("aliases", total.aliases, MOST_ALIASES, "Use nodes(ids:) for many objects of a kind."),
        ("directives", total.directives, MOST_DIRECTIVES, "Build the query without them."),
        ("objects", total.objects, MOST_OBJECTS, "Write smaller `first` arguments into the query."),
        ("mutations", mutations, MOST_ROOT_MUTATIONS, "Send them one after the other."),
    )
    return [
        GraphQLError(
            f"The query costs too much ({name}: {found}, at most {most}). {remedy}",
            extensions={"code": "QueryTooExpensive", "limit": name, "most": most},
        )
        for name, found, most, remedy in limits
        if found > most
    ]


@lru_cache(maxsize=_CACHED_DOCUMENTS)
def _checked(schema: object, document: DocumentNode, rules: tuple[type[ValidationRule], ...]) -> list[GraphQLError]:
    return refusals(document) or validate_document(schema, document, rules)  # type: ignore[arg-type]


class Limits(SchemaExtension):
    """Refuses expensive documents and validates the others; both are remembered for the documents that come again."""

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = MOST_TOKENS
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        assert context.graphql_document is not None
        context.pre_execution_errors = _checked(
            context.schema._schema,  # noqa: SLF001 - strawberry offers no other way to the schema it validates with
            context.graphql_document,
            context.validation_rules,
        )
        yield


def only_introspects(document: DocumentNode) -> bool:
    """Whether a document asks for the schema only, and for nothing that it describes."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    return bool(operations) and all(
        isinstance(selection, FieldNode) and selection.name.value in _INTROSPECTION
        for operation in operations
        for selection in operation.selection_set.selections
    )
