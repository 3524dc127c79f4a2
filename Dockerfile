# The daemon in a container: docker run -p 9090:9090 -v promscrape:/var/lib/promscrape promscrape
# It needs no root, and no writable file system but its volume.

FROM python:3.13-slim-trixie AS build

# For the extension modules, and for dependencies that have no wheel for this processor. Debian
# keeps only the newest version of a package, so a pinned one could not be built for long.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY pyproject.toml setup.py README.md LICENSE ./
COPY promscrape promscrape

# The environment gets no pip of its own: the one outside fills it. Modules are compiled to byte
# code here, since the daemon cannot write any.
RUN python -m venv --without-pip /opt/promscrape \
    && python -m pip --python /opt/promscrape install --no-cache-dir .


FROM python:3.13-slim-trixie

LABEL org.opencontainers.image.title="promscrape" \
      org.opencontainers.image.description="A Prometheus-compatible scraper daemon" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/promscrape/promscrape" \
      org.opencontainers.image.documentation="https://github.com/promscrape/promscrape/tree/main/docs"

RUN groupadd --gid 65532 promscrape \
    && useradd --key UID_MAX=65532 --uid 65532 --gid 65532 --shell /usr/sbin/nologin \
        --no-create-home --home-dir /var/lib/promscrape promscrape \
    && install --directory --owner=65532 --group=65532 /var/lib/promscrape

COPY --from=build /opt/promscrape /opt/promscrape
COPY config/promscrape.yml /etc/promscrape/promscrape.yml

ENV PATH=/opt/promscrape/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1

# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /var/lib/promscrape
VOLUME /var/lib/promscrape
EXPOSE 9090

# Give another one, or --no-healthcheck, where the flags move the port, add a prefix or turn on TLS.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-ISc", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9090/-/healthy', timeout=4)"]

ENTRYPOINT ["promscrape"]
CMD ["--config.file=/etc/promscrape/promscrape.yml", "--storage.agent.path=/var/lib/promscrape"]
