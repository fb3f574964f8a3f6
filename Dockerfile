# One static binary on a small Debian, as a user without rights. Build: docker build -t switchboard .
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=container
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /server ./cmd/server

FROM debian:bookworm-slim
# Cybersource's certificates are checked against Debian's authorities.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin switchboard \
 && install -d -o switchboard -g switchboard -m 0700 /data
COPY --from=build /server /usr/local/bin/server
USER 10001:10001
WORKDIR /data
VOLUME /data
# All addresses of the container: who can reach them is decided by what is published. Operations stay inside.
ENV DATA_DIR=/data \
    CONSOLE_ADDR=:8080 \
    RECEIVER_ADDR=:8081 \
    SANDBOX_ADDR=127.0.0.1:8082 \
    OPS_ADDR=127.0.0.1:8083 \
    PG_INSTALL=no \
    LOG_FORMAT=json
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["server", "health"]
ENTRYPOINT ["server"]
CMD ["serve"]
