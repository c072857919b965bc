# One image for every part; the command chooses: up, worker, connect, web.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements requirements
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && python -m venv /opt/veille \
 && /opt/veille/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY connectors connectors
COPY streams streams
COPY config config
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/veille/bin/pip install --no-cache-dir --no-deps /dist/*.whl

FROM python:3.13-slim
RUN groupadd --gid 10001 veille \
 && useradd --uid 10001 --gid veille --no-create-home --home-dir /var/lib/veille veille \
 && install --directory --owner veille --group veille --mode 0700 /var/lib/veille
COPY --from=build /opt/veille /opt/veille
ENV PATH=/opt/veille/bin:$PATH PYTHONUNBUFFERED=1 VEILLE_DATA_DIR=/var/lib/veille
USER veille
WORKDIR /var/lib/veille
VOLUME /var/lib/veille
EXPOSE 8420
# Ctrl-C and `docker stop` both end Veille cleanly: what was not acknowledged is done again.
STOPSIGNAL SIGTERM
ENTRYPOINT ["veille"]
CMD ["up", "--host", "0.0.0.0"]
