# syntax=docker/dockerfile:1

# The demo site in a small image: `docker build -t venti-demo .`, then
# `docker run --rm -p 8080:8080 venti-demo`. The server runs as an unprivileged user, listens on
# port 8080 only, and needs a writable file system only in /tmp
# (`docker run --read-only --tmpfs /tmp …`).

# Builds venti, writes the essays and renders the site.
FROM rust:1.91-slim-bookworm AS build
WORKDIR /venti
COPY . .
# Caches downloads, object files and content/essays between builds, so only new essays are written.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/venti/target \
    --mount=type=cache,target=/venti/content/essays \
    cargo run --release --locked -- build && rm -r output/.venti

FROM nginxinc/nginx-unprivileged:1.29-alpine-slim
COPY docker/nginx.conf /etc/nginx/nginx.conf
COPY --from=build /venti/output /site
# The image's nginx user, by number so that Kubernetes can verify that it is not root.
USER 101
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]
CMD ["nginx", "-g", "daemon off;"]
