#!/bin/sh
# Starts the database with the password from the volume of secrets, once it is there, and says so if
# the volume of the data can't be used.
set -eu

made_by=$(cat "${PGDATA:=/var/lib/postgresql/data}/PG_VERSION" 2>/dev/null || true)
here=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
if [ -n "$made_by" ] && [ "$made_by" != "$here" ]; then
  echo "salesflow: the volume 'database' was made by PostgreSQL $made_by, and this is $here:" \
    "set SALESFLOW_POSTGRES=postgres:$made_by in .env, or move the data (docs/runbook.md)" >&2
  sleep 5 # it is started again and again: not too often
  exit 1
fi
# The sockets' folder, on a file system that can be written.
mkdir -p /var/run/postgresql
chmod 1777 /var/run/postgresql
POSTGRES_PASSWORD=$(cat "$SALESFLOW_SECRETS/database-password")
export PGDATA POSTGRES_PASSWORD
exec docker-entrypoint.sh postgres
