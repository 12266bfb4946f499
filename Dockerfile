# The image of a node: the binary, the authorities that browsers trust, and nothing else. No shell, no root, nothing to write to but the volume.
#   docker build --build-arg VERSION=$(git describe --tags --always) -t folioscope .

FROM --platform=$BUILDPLATFORM node:22-bookworm-slim AS dashboard
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --ignore-scripts
COPY web/ ./
RUN npm run build

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS binary
ARG TARGETOS TARGETARCH VERSION=devel
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd/ cmd/
COPY internal/ internal/
COPY web/*.go web/
COPY --from=dashboard /src/web/dist/ web/dist/
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /out/folioscope ./cmd/folioscope \
 && mkdir -p /out/data

FROM scratch
COPY --from=binary /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=binary /out/folioscope /folioscope
COPY LICENSE NOTICE /
# A new volume takes over this directory's owner, so that the node can write to it without being root.
COPY --from=binary --chown=65532:65532 --chmod=0700 /out/data /var/lib/folioscope
USER 65532:65532
VOLUME /var/lib/folioscope
ENV FOLIOSCOPE_DATA_DIR=/var/lib/folioscope
EXPOSE 8080
STOPSIGNAL SIGTERM
# No HEALTHCHECK: there is nothing in here that could ask. /readyz says whether a node takes requests, and belongs to what sends it some;
# `folioscope doctor` also looks at what a restart of this container can't mend, such as a source of prices.
ENTRYPOINT ["/folioscope"]
CMD ["serve"]
