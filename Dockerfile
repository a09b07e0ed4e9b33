# Two stages: the first installs into /opt/kedit by README's own command, the second runs it as a user without rights.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
# The CPU's build of torch, in the version that lock.txt names: without the gigabytes for graphics cards.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY lock.txt ./
RUN python -m venv /opt/kedit \
    && /opt/kedit/bin/pip install --no-cache-dir --no-deps --index-url "${TORCH_INDEX}" "$(grep '^torch==' lock.txt)"
COPY pyproject.toml README.md LICENSE ./
COPY data ./data
COPY kedit_memory ./kedit_memory
RUN PIP_BUILD_CONSTRAINT=lock.txt /opt/kedit/bin/pip install --no-cache-dir -c lock.txt '.[offline,server]'

FROM python:${PYTHON}-slim
RUN groupadd --gid 10001 kedit && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data kedit \
    && install --directory --owner kedit --group kedit --mode 0700 /data
COPY --from=build /opt/kedit /opt/kedit
# All that is written lies below /data; models come through `kedit models get` alone.
ENV PATH=/opt/kedit/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    XDG_CACHE_HOME=/data/cache \
    HF_HUB_OFFLINE=1 \
    KEDIT_STORE=/data/store
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8321
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8321, timeout=4); c.request('GET', '/health/ready'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["kedit"]
CMD ["serve", "--config", "/etc/kedit/serve.toml"]
