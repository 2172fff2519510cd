"""Many rows or keys in one statement, with little work for each: for what every request or event runs.

SQLAlchemy's own `executemany` takes longer for a row than SQLite does, and its `IN` makes a new statement of every number
of keys.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Table,
    Text,
    TypeDecorator,
    bindparam,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement, FunctionElement
from sqlalchemy.types import NullType, TypeEngine


def execute_many(tx: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> int:
    """Execute `statement` for every row: mappings of the same names, which are all parameters that it has.

    Returns how many rows it stored or changed. The statement is compiled once: keep it, do not build it anew.
    """
    prepared = _prepared(statement, tx.dialect, tuple(rows[0]))
    if prepared.positional:
        parameters: Any = [tuple([take(row) for take in prepared.taken.values()]) for row in rows]
    else:
        parameters = [{name: take(row) for name, take in prepared.taken.items()} for row in rows]
    return tx.exec_driver_sql(prepared.sql, parameters, execution_options={"preserve_rowcount": True}).rowcount


def upsert(tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, rising: str | None = None) -> int:
    """Insert `rows`; where a row of the same primary key is there, give it what these have.

    Where `rising` names a column, only if that rises. Returns how many were stored.
    """
    return execute_many(tx, _upserting(table, tx.dialect.name, tuple(rows[0]), rising), rows)


def among(column: ColumnElement[Any], values: str) -> ColumnElement[Any]:
    """`column IN` the list that is given as parameter `values`, as one parameter however long it is."""
    return _Among(column, bindparam(values, type_=_Listed(column.type)))


@lru_cache(maxsize=64)
def _upserting(table: Table, dialect: str, given: tuple[str, ...], rising: str | None) -> Any:
    statement = postgresql_insert(table) if dialect == "postgresql" else sqlite_insert(table)
    key = [column.name for column in table.primary_key]
    updated = {name: statement.excluded[name] for name in given if name not in key}
    only_if = None if rising is None else statement.excluded[rising] > table.c[rising]
    return statement.on_conflict_do_update(index_elements=key, set_=updated, where=only_if)


class _Prepared(NamedTuple):
    sql: str
    positional: bool
    taken: Mapping[str, Callable[[Mapping[str, Any]], Any]]
    """How each parameter is taken from a row, in the order of the statement."""


@lru_cache(maxsize=512)
def _prepared(statement: Executable, dialect: Dialect, names: tuple[str, ...]) -> _Prepared:
    assert isinstance(statement, ClauseElement)
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
    order: Sequence[str] = compiled.positiontup if compiled.positional else list(compiled.binds)
    converters = {name: compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in order}
    return _Prepared(str(compiled), compiled.positional, {name: _taking(name, converters[name]) for name in order})


def _taking(name: str, convert: Callable[[Any], Any] | None) -> Callable[[Mapping[str, Any]], Any]:
    return (lambda row: row[name]) if convert is None else (lambda row: convert(row[name]))


class _Listed(TypeDecorator[Sequence[Any]]):
    """A list of values: an array on PostgreSQL, JSON on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(self.item) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        assert value is not None
        if dialect.name == "postgresql":
            return list(value)
        convert = self.item.dialect_impl(dialect).bind_processor(dialect)
        return orjson.dumps([convert(each) for each in value] if convert else list(value)).decode()


class _Among(FunctionElement[Any]):
    type = NullType()  # of a Boolean SQLAlchemy asks SQLite whether it is `= 1`, and SQLite then looks at every row
    inherit_cache = True


@compiles(_Among, "postgresql")
def _as_array(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **options)} = ANY ({compiler.process(values, **options)})"


@compiles(_Among, "sqlite")
def _as_json(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **options)} IN (SELECT value FROM json_each({compiler.process(values, **options)}))"
