"""Which function runs which statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.athena import ddl, partitions, queries, show, views, writing
from localaws.athena import statements as st
from localaws.athena.iceberg import changes, optimizing, vacuuming
from localaws.athena.iceberg import ddl as iceberg_ddl
from localaws.athena.iceberg import statements as iceberg_statements
from localaws.athena.run import Outcome, Run

Handler = Callable[[Run, Any], Outcome]

HANDLERS: dict[type[st.Statement], Handler] = {
    st.Select: queries.select,
    st.Explain: queries.explain,
    st.CreateTableAs: writing.create_table_as,
    st.Insert: writing.insert,
    st.Unload: writing.unload,
    st.ChangeRows: changes.change_rows,
    iceberg_statements.Optimize: optimizing.optimize,
    iceberg_statements.Vacuum: vacuuming.vacuum,
    st.CreateView: views.create,
    st.DropView: views.drop,
    st.ShowCreateView: views.show_create,
    st.CreateTable: ddl.create_table,
    st.DropTable: ddl.drop_table,
    st.CreateDatabase: ddl.create_database,
    st.DropDatabase: ddl.drop_database,
    st.AddColumns: ddl.add_columns,
    st.ReplaceColumns: ddl.replace_columns,
    st.SetTableProperties: ddl.set_properties,
    st.SetLocation: ddl.set_location,
    iceberg_statements.UnsetTableProperties: iceberg_ddl.unset_properties,
    iceberg_statements.ChangeColumn: iceberg_ddl.change_column,
    iceberg_statements.DropColumn: iceberg_ddl.drop_column,
    st.AddPartitions: partitions.add,
    st.DropPartitions: partitions.drop,
    st.RepairTable: partitions.repair,
    st.ShowPartitions: partitions.show,
    st.ShowDatabases: show.databases,
    st.ShowTables: show.tables,
    st.ShowViews: show.views,
    st.ShowColumns: show.columns,
    st.ShowTableProperties: show.properties,
    st.ShowCreateTable: show.create_table,
    st.Describe: show.describe,
}
