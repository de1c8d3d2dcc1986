# Services that speak AWS's wire protocol: how each is installed (once, under $cache) and started on a port of
# 127.0.0.1. Sourced by `run`. None needs Docker.

# python_packages DIRECTORY PYTHON PACKAGE...
python_packages() {
    local directory=$cache/$1 python=$2
    shift 2
    [ "$(cat "$directory/installed" 2>/dev/null)" = "$*" ] && return
    rm -rf "$directory"
    "$python" -m venv "$directory"
    "$directory/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$*" >"$directory/installed"
}

# python_of VERSION: the interpreter of that minor version, from the path or from pyenv.
python_of() {
    local candidate
    for candidate in "python$1" python3 "$(pyenv root 2>/dev/null || true)/versions/$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python $1 is needed, and is neither in the path nor among pyenv's versions" >&2
    return 1
}

# Amazon's own DynamoDB for one's machine, with its native SQLite, as Maven Central has it.
dynamodb_local_jars() {
    local directory=$cache/dynamodb-local version=2.6.1
    [ "$(cat "$directory/installed" 2>/dev/null)" = "$version" ] && return
    rm -rf "$directory"
    mkdir -p "$directory"
    cat >"$directory/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>wechat-relay</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>$version</version>
    </dependency>
  </dependencies>
</project>
POM
    if ! (cd "$directory" && mvn --batch-mode dependency:copy-dependencies -DoutputDirectory=lib) >"$directory/log"; then
        tail -n 40 "$directory/log"
        return 1
    fi
    echo "$version" >"$directory/installed"
}

# LocalStack runs DynamoDB Local itself, and would download it: it is given the one above in the layout it looks for, a
# jar that leads to the others, an agent that does nothing in the place of one that lifts a limit, and a Java.
localstack_library() {
    local library=$1 java
    [ -e "$library/installed" ] && return
    rm -rf "$library"
    mkdir -p "$library/java" "$library/dynamodb-local/2"
    java=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java\.home = //p')
    ln -s "$java" "$library/java/21"
    ln -s "$cache/dynamodb-local/lib" "$library/dynamodb-local/2/DynamoDBLocal_lib"
    (
        cd "$library/dynamodb-local/2"
        {
            echo "Main-Class: com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
            # A line of a manifest has 72 bytes at most; what is longer goes on behind a space.
            echo "Class-Path: $(cd DynamoDBLocal_lib && printf 'DynamoDBLocal_lib/%s ' *.jar)" |
                sed -E 's/.{70}/&\n /g'
        } >manifest
        jar --create --file DynamoDBLocal.jar --manifest manifest
        mkdir agent
        echo "public class Agent { public static void premain(String arguments) {} }" >agent/Agent.java
        javac -d agent agent/Agent.java
        echo "Premain-Class: Agent" >agent/manifest
        jar --create --file ddb-local-loader-0.1.jar --manifest agent/manifest -C agent Agent.class
    )
    touch "$library/installed"
}

# launch COMMAND...: starts a service, whose log is $scratch/service; sets `service` to its process. What it leaves in
# the folder for temporary files goes with $scratch.
launch() {
    (cd "$scratch" && TMPDIR=$scratch exec "$@") >"$scratch/service" 2>&1 &
    service=$!
}

# Each starts what its name says on $port, and sets `ready` to the arguments by which curl sees that it answers.
start_dynamodb-local() {
    dynamodb_local_jars
    local lib=$cache/dynamodb-local/lib
    DDB_LOCAL_TELEMETRY=0 launch java -Djava.library.path="$lib" -cp "$lib/*" \
        com.amazonaws.services.dynamodbv2.local.main.ServerRunner -inMemory -port "$port"
    ready=(--header 'X-Amz-Target: DynamoDB_20120810.ListTables' --header 'Content-Type: application/x-amz-json-1.0'
        --header 'Authorization: AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0'
        --data '{}' "http://127.0.0.1:$port/")
}

start_localstack() {
    local python
    dynamodb_local_jars
    python=$(python_of 3.13)
    python_packages localstack "$python" 'localstack-core[runtime]==2026.3.0' \
        'cbor2<5.8' 'pyopenssl<25.2' 'cryptography<46' 'service_identity<24.2'
    localstack_library "$cache/localstack-root/var/lib/localstack/lib"
    # `host mode`, so that its folders lie under the cache even where this runs in a container.
    OVERRIDE_IN_DOCKER=0 FILESYSTEM_ROOT=$cache/localstack-root \
        GATEWAY_LISTEN=127.0.0.1:$port SERVICES=dynamodb,sqs,s3 EAGER_SERVICE_LOADING=1 DYNAMODB_IN_MEMORY=1 \
        DISABLE_EVENTS=1 SKIP_SSL_CERT_DOWNLOAD=1 DNS_ADDRESS=0 \
        launch "$cache/localstack/bin/python" -m localstack.runtime.main
    ready=("http://127.0.0.1:$port/_localstack/health")
}

start_ministack() {
    python_packages ministack python3 ministack==1.5.33 'aws-sam-translator==1.115.0'
    BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT=$port LAMBDA_EXECUTOR=local \
        launch "$cache/ministack/bin/ministack"
    ready=("http://127.0.0.1:$port/_ministack/health")
}

start_moto() {
    python_packages moto python3 'moto[server,dynamodb,sqs,s3]==5.2.5'
    launch "$cache/moto/bin/moto_server" --host 127.0.0.1 --port "$port"
    ready=("http://127.0.0.1:$port/moto-api/")
}

# start NAME: starts it on a free port and waits until it answers; sets `port` and `service`.
start() {
    local waited=0
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "start_$1"
    until curl --silent --fail --max-time 5 --output /dev/null "${ready[@]}"; do
        if ! kill -0 "$service" 2>/dev/null || [ $((waited += 1)) -gt 1200 ]; then
            echo "$1 does not answer:"
            tail -n 40 "$scratch/service"
            return 1
        fi
        sleep 0.1
    done
}

# stop: ends the service, and what it has started.
stop() {
    [ -n "${service:-}" ] || return 0
    kill "$service" 2>/dev/null || true
    wait "$service" 2>/dev/null || true
    service=
}
