#!/bin/sh
# Builds and starts the stack, then says where it is; or in a line what is wrong and what to do.
set -u

fail() {
  echo "salesflow: $*" >&2
  exit 1
}

log=$(mktemp) && trap 'rm -f "$log"' EXIT
command -v docker >/dev/null || fail "there is no command 'docker': install Docker with Compose v2"
docker compose version >"$log" 2>&1 || fail "'docker compose' is missing: install Compose v2.20 or newer"
docker info >"$log" 2>&1 || fail "the Docker engine doesn't answer: start it, or join the group docker"
docker compose config --quiet >"$log" 2>&1 || fail ".env or a compose file can't be read: $(tail -n 1 "$log")"

began=$(date +%s)
{
  docker compose up --detach --build --wait --wait-timeout "${SALESFLOW_WAIT_SECONDS:-600}" 2>&1
  echo "$?" >"$log.status"
} | tee "$log"
status=$(cat "$log.status") && rm -f "$log.status"

if [ "$status" -ne 0 ]; then
  taken=$(sed -nE 's/.*127\.0\.0\.1:([0-9]+).*already (in use|allocated).*/\1/p' "$log" | head -n 1)
  [ -z "$taken" ] || fail "port $taken is taken: set SALESFLOW_AIRFLOW_PORT or SALESFLOW_AWS_PORT in .env to a free one"
  for container in $(docker compose ps --all --quiet); do
    docker logs --since "$began" "$container" 2>&1 | grep '^salesflow: ' | tail -n 1 >&2
  done
  fail "it didn't come up; 'docker compose ps --all' shows what stopped, 'make logs' why"
fi

address=http://$(docker compose port api-server 8080) || exit 1
echo
echo "Airflow    $address   user admin"
echo "password   docker compose exec api-server cat /var/lib/salesflow/secrets/admin-password"
echo "next       make demo-docker, make logs, make down"
