# syntax=docker/dockerfile:1

# Both stages use the same Debian release: a binary built with a newer glibc would not start.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
# The caches keep built dependencies between builds. They are not part of the image, so the
# binary is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --profile dist --locked && cp target/dist/broadsheet /usr/local/bin/

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --no-install-recommends -y ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin broadsheet \
 && install -d -o broadsheet -g broadsheet /data
COPY --from=build /usr/local/bin/broadsheet /usr/local/bin/broadsheet

# With / as the working directory, the default paths data/broadsheet.db, data/outbox and
# data/secret.key are in the volume, and a file mounted at /broadsheet.toml is used.
WORKDIR /
VOLUME /data
USER broadsheet
ENV BROADSHEET_SERVER__LISTEN=0.0.0.0:8080
EXPOSE 8080

# Uses bash for the request, so that the image needs no HTTP client.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --start-interval=1s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${BROADSHEET_SERVER__LISTEN##*:} && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 4 _ status _ <&3 && [[ $status == 200 ]]"]

ENTRYPOINT ["broadsheet"]
CMD ["serve"]
