# syntax=docker/dockerfile:1

# Both stages are the same Debian: a newer glibc in the first would not start in the second.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
# The caches keep the built dependencies from one build to the next, so the program is
# copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked && cp target/release/broadsheet /usr/local/bin/

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --no-install-recommends -y ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin broadsheet \
 && install -d -o broadsheet -g broadsheet /data
COPY --from=build /usr/local/bin/broadsheet /usr/local/bin/broadsheet

# Working in /, the built-in data/broadsheet.db, data/outbox and data/secret.key lie in the
# volume, and a broadsheet.toml mounted at /broadsheet.toml is found and may say otherwise.
WORKDIR /
VOLUME /data
USER broadsheet
ENV BROADSHEET_SERVER__LISTEN=0.0.0.0:8080
EXPOSE 8080

# bash opens the connection itself; the image needs no curl.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --start-interval=1s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${BROADSHEET_SERVER__LISTEN##*:} && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 4 _ status _ <&3 && [[ $status == 200 ]]"]

ENTRYPOINT ["broadsheet"]
CMD ["serve"]
