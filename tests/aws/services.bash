# Services that speak AWS's wire protocol: how each is installed (once, under $cache) and started on a free port of
# 127.0.0.1. Sourced by `run`. None needs Docker.

# python_packages DIRECTORY PYTHON PACKAGE...: installs the packages, unless exactly these are there.
python_packages() {
    local directory=$cache/$1 python=$2
    shift 2
    [ "$(cat "$directory/installed" 2>/dev/null)" = "$*" ] && return
    rm -rf "$directory"
    "$python" -m venv "$directory"
    "$directory/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$*" >"$directory/installed"
}

# python_of VERSION: prints the interpreter of that minor version, from the path or from pyenv.
python_of() {
    local candidate
    for candidate in "python$1" python3 "$(pyenv root 2>/dev/null || true)/versions/$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python $1 is needed; it is neither in the path nor among pyenv's versions" >&2
    return 1
}

# Processes that have been started and not yet stopped.
services=()

# launch COMMAND...: starts a service, with its log in $scratch/service. Its temporary files are removed with $scratch.
launch() {
    (cd "$scratch" && TMPDIR=$scratch exec "$@") >"$scratch/service" 2>&1 &
    services+=($!)
}

# start_embedded_dynamodb: starts the embedded services in a process of their own; sets `dynamodb` to its URL.
start_embedded_dynamodb() {
    "$root/tests/binaries"
    "$target/debug/wechat-relay" --only aws --data "$scratch/embedded" >"$scratch/relay" 2>&1 &
    services+=($!)
    wait_until "$scratch/relay" grep -q '^  DynamoDB ' "$scratch/relay"
    dynamodb=$(sed -n -E 's/^  DynamoDB ([^,]*),.*/\1/p' "$scratch/relay")
}

# Each start_NAME starts the service on $port and sets `ready` to a URL that answers 2xx when the service is ready.
start_localstack() {
    local python
    python=$(python_of 3.13)
    python_packages localstack "$python" 'localstack-core[runtime]==2026.3.0' \
        'cbor2<5.8' 'pyopenssl<25.2' 'cryptography<46' 'service_identity<24.2'
    # LocalStack's DynamoDB is DynamoDB Local, which is not open source: only the services named here are loaded, so
    # that LocalStack does not download it. OVERRIDE_IN_DOCKER=0 keeps its folders under the cache, also in a container.
    OVERRIDE_IN_DOCKER=0 FILESYSTEM_ROOT=$cache/localstack-root \
        GATEWAY_LISTEN=127.0.0.1:$port SERVICES=sqs,s3,secretsmanager STRICT_SERVICE_LOADING=1 EAGER_SERVICE_LOADING=1 \
        DISABLE_EVENTS=1 SKIP_SSL_CERT_DOWNLOAD=1 DNS_ADDRESS=0 \
        launch "$cache/localstack/bin/python" -m localstack.runtime.main
    ready=http://127.0.0.1:$port/_localstack/health
}

start_ministack() {
    python_packages ministack python3 ministack==1.5.33 'aws-sam-translator==1.115.0'
    BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT=$port LAMBDA_EXECUTOR=local \
        launch "$cache/ministack/bin/ministack"
    ready=http://127.0.0.1:$port/_ministack/health
}

start_moto() {
    python_packages moto python3 'moto[server,dynamodb,sqs,s3]==5.2.5'
    launch "$cache/moto/bin/moto_server" --host 127.0.0.1 --port "$port"
    ready=http://127.0.0.1:$port/moto-api/
}

# without_dynamodb_local: fails if LocalStack has put DynamoDB Local into its folders.
without_dynamodb_local() {
    local found
    found=$(find "$cache" -iname '*dynamodblocal*' -o -iname 'dynamodb-local')
    if [ -n "$found" ]; then
        printf 'DynamoDB Local was installed:\n%s\n' "$found" >&2
        return 1
    fi
}

# wait_until LOG COMMAND...: waits until the command succeeds; prints the log if the last service ends or time runs out.
wait_until() {
    local log=$1 waited=0
    shift
    until "$@"; do
        if ! kill -0 "${services[-1]}" 2>/dev/null || [ $((waited += 1)) -gt 1200 ]; then
            echo "a service does not answer:"
            tail -n 40 "$log"
            return 1
        fi
        sleep 0.1
    done
}

# start NAME: starts the service on a free port and waits until it answers; sets `port`.
start() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "start_$1"
    wait_until "$scratch/service" curl --silent --fail --max-time 5 --output /dev/null "$ready"
}

# stop: ends every service that was started.
stop() {
    [ ${#services[@]} -gt 0 ] || return 0
    kill "${services[@]}" 2>/dev/null || true
    wait "${services[@]}" 2>/dev/null || true
    services=()
}
