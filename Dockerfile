# syntax=docker/dockerfile:1

# The demo site in a small image: `docker build -t venti-demo .`, then
# `docker run --rm -p 8080:8080 venti-demo`. The server runs as a user without privileges, listens
# on port 8080 only, and needs no writable file system but /tmp
# (`docker run --read-only --tmpfs /tmp …`).

# Builds venti, which writes the essays and renders the site.
FROM rust:1.91-slim-bookworm AS build
WORKDIR /venti
COPY . .
# Downloads and objects are kept between builds; content/essays too, so only new seeds cost time.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/venti/target \
    --mount=type=cache,target=/venti/content/essays \
    cargo run --release --locked -- build && rm -r output/.venti

FROM nginxinc/nginx-unprivileged:1.29-alpine-slim
COPY docker/nginx.conf /etc/nginx/nginx.conf
COPY --from=build /venti/output /site
# nginx's own user in this image; by number, so that a cluster can see that it is not root.
USER 101
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]
CMD ["nginx", "-g", "daemon off;"]
