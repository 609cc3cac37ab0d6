FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md ./
COPY engine engine
COPY gateways gateways
COPY ledger ledger
COPY reconciliation reconciliation
RUN python -m venv /opt/thuchi \
    && /opt/thuchi/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    && /opt/thuchi/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/thuchi thuchi
COPY --from=build /opt/thuchi /opt/thuchi
ENV PATH=/opt/thuchi/bin:$PATH THUCHI_HOME=/var/lib/thuchi/home
USER thuchi
VOLUME /var/lib/thuchi
ENTRYPOINT ["thuchi"]
CMD ["--help"]
