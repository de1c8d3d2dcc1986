# shellcheck shell=bash
# Processes in the background of a script; they end with it. Sourced.

# A folder for the script, which is removed at its end.
scratch=$(mktemp -d)
started=()
finish() {
    local result=$?
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    if [ "$result" -ne 0 ]; then tail -n 60 "$scratch"/*.log; fi
    rm -rf "$scratch"
}
trap finish EXIT

# background NAME COMMAND...: starts the command, with its output in $scratch/NAME.log.
background() {
    local name=$1
    shift
    # Exists before `line` reads it.
    : >"$scratch/$name.log"
    "$@" >"$scratch/$name.log" 2>&1 &
    started+=($!)
}

# line NAME PATTERN: waits for a line of that output that matches, and prints it. NAME must be the process started last;
# fails if that process ends first.
line() {
    local pid=${started[-1]}
    grep -m 1 -E "$2" < <(timeout 300 tail -n +1 -f --pid="$pid" "$scratch/$1.log")
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
