# The service on a CPU: `docker build -t crosslevel .`, then see compose.yaml.
# All of it comes from Debian and PyPI. On x86-64 PyPI's torch brings CUDA along; for an image a
# fifth as large, add `--build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu`.
FROM debian:bookworm-slim AS build
ARG TORCH_INDEX=https://pypi.org/simple
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/crosslevel
WORKDIR /src
COPY constraints/core.txt constraints/core.txt
RUN /opt/crosslevel/bin/pip install --no-cache-dir --index-url "$TORCH_INDEX" \
    --extra-index-url https://pypi.org/simple --constraint constraints/core.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/crosslevel/bin/pip install --no-cache-dir --constraint constraints/core.txt \
    '.[export,medical,serve]'

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin crosslevel
COPY --from=build /opt/crosslevel /opt/crosslevel
# What libraries want to write goes to /tmp, the one place that compose.yaml lets them write to.
ENV PATH=/opt/crosslevel/bin:$PATH \
    CROSSLEVEL_CACHE=/tmp/crosslevel \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8642
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8642/healthz', timeout=4)"]
ENTRYPOINT ["crosslevel"]
CMD ["serve", "/data/run", "--host", "0.0.0.0"]
