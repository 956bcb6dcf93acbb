"""The GraphQL schema: translation between clients' words and ours, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import MaskErrors, ParserCache, SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

import gateway.schema.enums  # noqa: F401 - names and describes the contracts' enumerations
from chassis.failures import is_away
from gateway.limits import Limits
from gateway.loaders import Loaders
from gateway.schema.agreements import Agenda, Agreement
from gateway.schema.cohorts import Cohort, Enrolment
from gateway.schema.context import Context
from gateway.schema.inbox import Notification
from gateway.schema.mutations import Mutation
from gateway.schema.pairs import Pair
from gateway.schema.people import Organization, Person
from gateway.schema.queries import Query
from gateway.schema.reciprocity import Introduction
from gateway.schema.runs import MatchRun
from gateway.schema.sessions import Feedback, Session
from gateway.schema.subscriptions import Subscription
from gateway.store.paging import NotACursor

log = structlog.get_logger(__name__)

NODES = (
    Agenda,
    Agreement,
    Cohort,
    Enrolment,
    Feedback,
    Introduction,
    MatchRun,
    Notification,
    Organization,
    Pair,
    Person,
    Session,
)


class Schema(strawberry.Schema):
    """Logs what went wrong inside; what clients asked wrongly is theirs to read."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        for error in errors:
            if is_ours(error) and not isinstance(error.original_error, NotACursor):
                log.error(
                    "graphql.failed",
                    path=error.path,
                    operation=execution_context.operation_name if execution_context else None,
                    exc_info=error.original_error,
                )


def is_ours(error: GraphQLError) -> bool:
    """Whether an error came from inside and its text is not for clients."""
    return error.original_error is not None and not isinstance(error.original_error, GraphQLError)


class Masked(MaskErrors):
    """Clients learn that something failed inside, not what."""

    def __init__(self) -> None:
        super().__init__(should_mask_error=is_ours)

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        cause = error.original_error
        if isinstance(cause, NotACursor):
            message, code = "This is no cursor of this list. Pass the endCursor of the page before.", "InvalidCursor"
        elif cause is not None and is_away(cause):
            message, code = "The read model cannot be reached at the moment. Try again.", "ServiceUnavailable"
        else:
            message, code = "Something failed here. It was logged, and is not your mistake.", "InternalError"
        return GraphQLError(message, nodes=error.nodes, path=error.path, extensions={"code": code})


class OwnLoaders(SchemaExtension):
    """Each operation of a websocket reads with loaders of its own: nothing that an earlier one loaded is shown again."""

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context.context
        if isinstance(context, Context) and context.connection is not None:
            loaders = Loaders(context.viewer, context.platform.begin)
            self.execution_context.context = replace(context, loaders=loaders)
        yield


def build_schema(*, suggestions: bool = False) -> Schema:
    """The schema; ``suggestions`` ("did you mean …") only where anybody may see all of it anyway."""
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=NODES,
        config=StrawberryConfig(disable_field_suggestions=not suggestions),
        extensions=[Limits, lambda: ParserCache(maxsize=512), Masked, OwnLoaders],
    )


def sdl() -> str:
    """The schema in its definition language, as gateway/schema.graphql holds it."""
    return build_schema().as_str() + "\n"
