# The server with an ONNX bundle, on processors: no torch, no Node, no compiler in what runs.
#   docker build -t skintag .
#   docker run --rm -p 8000:8000 --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#       -v "$PWD/bundle_onnx_half:/bundle:ro" skintag
# Base images take a digest: --build-arg PYTHON_IMAGE=python:3.13.15-slim-trixie@sha256:<digest>
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
ARG PYTHON_IMAGE=python:3.13.15-slim-trixie

FROM ${NODE_IMAGE} AS web
WORKDIR /src/skintag/serving/web
COPY skintag/serving/web/package.json skintag/serving/web/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY skintag/serving/quality.json ../quality.json
COPY skintag/serving/texts ../texts
COPY skintag/serving/web ./
RUN npm run build

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY .ci/hashed.py .ci/
COPY requirements requirements
# every file by its hash; what builds the wheel lies apart from what runs
RUN python .ci/hashed.py requirements/serve.txt > /tmp/serve.txt \
    && python .ci/hashed.py hatchling packaging pathspec pluggy tomlkit trove-classifiers > /tmp/build.txt \
    && python -m venv /venv && python -m venv /build \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/serve.txt \
    && /build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY configs configs
COPY skintag skintag
COPY --from=web /src/skintag/serving/static skintag/serving/static
RUN /build/bin/pip wheel --no-deps --no-build-isolation --disable-pip-version-check --wheel-dir /wheels . \
    && /venv/bin/pip install --no-deps --no-index --disable-pip-version-check /wheels/*.whl \
    && /venv/bin/pip uninstall --yes --quiet pip

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin skintag
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SKINTAG_SERVE_BUNDLE=/bundle \
    SKINTAG_SERVE_HOST=0.0.0.0 \
    SKINTAG_SERVE_PORT=8000
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['SKINTAG_SERVE_PORT'] + '/api/ready', timeout=4)"]
ENTRYPOINT ["skintag"]
CMD ["serve"]
