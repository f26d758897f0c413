# One image for Airflow's parts and the local AWS: the project and the environment of uv.lock.
ARG PYTHON=python:3.13-slim-trixie

# ---- the environment ---------------------------------------------------------------------------
FROM ${PYTHON} AS environment
WORKDIR /opt/salesflow
COPY pyproject.toml uv.lock ./
# uv is one of the locked packages; it gets an environment of its own, which stays behind here.
RUN uv=$(python -c "import tomllib; print(next(p['version'] for p in tomllib.load(open('uv.lock', 'rb'))['package'] if p['name'] == 'uv'))") \
 && python -m venv /opt/uv \
 && /opt/uv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check "uv==$uv"
ENV UV_PROJECT_ENVIRONMENT=/opt/venv UV_PYTHON=python3.13 UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
# The project is installed as a link to /opt/salesflow, where its code comes to lie, so a change of
# the code makes no new environment.
RUN --mount=type=cache,target=/root/.cache/uv \
    mkdir -p src/salesflow src/localaws \
 && touch README.md LICENSE src/salesflow/__init__.py src/localaws/__init__.py \
 && /opt/uv/bin/uv sync --locked --no-dev --group image --quiet \
 && cd /opt/venv/lib/python3.13/site-packages \
 && find numpy pandas pyarrow scipy statsmodels -type d -name tests -prune -exec rm -rf {} +

# ---- the code, compiled, as nothing can be written where it runs -------------------------------
FROM ${PYTHON} AS code
WORKDIR /opt/salesflow
COPY src src
COPY plugins plugins
COPY docker docker
RUN python -m compileall -q src plugins docker

# ---- what runs ---------------------------------------------------------------------------------
FROM ${PYTHON}
# Group 0 owns what is written, so that any SALESFLOW_UID will do. A tmpfs gets the mode of the folder
# under it when a container starts again, whatever its options say.
RUN useradd --uid 1000 --gid 0 --create-home --home-dir /home/salesflow salesflow \
 && mkdir -p /home/salesflow/.aws /var/lib/salesflow/aws /var/lib/salesflow/logs \
             /var/lib/salesflow/secrets /opt/airflow \
 && chown -R 1000:0 /home/salesflow /var/lib/salesflow \
 && chmod -R g=u /home/salesflow /var/lib/salesflow \
 && chmod 1777 /opt/airflow
ENV PATH=/opt/venv/bin:$PATH HOME=/home/salesflow USER=salesflow \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /opt/salesflow
COPY --from=environment /opt/venv /opt/venv
COPY infra infra
COPY --from=code /opt/salesflow ./
COPY lambdas lambdas
COPY dags dags
USER 1000:0
CMD ["python", "-m", "airflow", "version"]
