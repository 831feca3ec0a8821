# The portal in one image: docker build -t order-n-pay . Settings come from the environment (.env.example).
# It runs as an unprivileged user and writes only to /data (the embedded database) and /tmp. The file system can be
# read-only: docker run --read-only --tmpfs /tmp -v portal:/data ...

FROM python:3.11.16-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7 AS packages
WORKDIR /opt/portal
COPY requirements-scale.lock ./
RUN python -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-scale.lock \
 && .venv/bin/pip uninstall --yes pip

FROM python:3.11.16-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7
RUN useradd --system --uid 10001 --no-create-home portal && install -d -o portal -m 700 /data
WORKDIR /opt/portal
COPY --from=packages /opt/portal/.venv .venv
COPY manage.py pyproject.toml ./
COPY templates templates
COPY portal portal
COPY integrations integrations
RUN .venv/bin/python -m compileall -q portal integrations manage.py
ENV PATH=/opt/portal/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
USER portal
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]
