#!/usr/bin/env bash
# A server behind a Cloudflare quick tunnel for so many minutes; whichever of the two ends is started again.
#   SKINTAG_SERVE_BUNDLE=<bundle> deploy/tunnel.sh <minutes> [cloudflared] [skintag]
# The address goes to stdout, and to the summary of a GitHub workflow: a new one whenever the tunnel is started again.
set -uo pipefail

minutes="${1:?how many minutes}"
cloudflared="${2:-cloudflared}"
skintag="${3:-skintag}"
port="${PORT:-8000}"
summary="${GITHUB_STEP_SUMMARY:-/dev/null}"
case "$minutes" in
    '' | *[!0-9]*) echo "expected whole minutes; found $minutes" >&2; exit 2 ;;
esac
if [ "$minutes" -lt 5 ] || [ "$minutes" -gt 300 ]; then
    echo "expected 5 to 300 minutes; found $minutes" >&2
    exit 2
fi
# seconds; SECONDS_FOR_TESTS is for tests alone
left=$((SECONDS + ${SECONDS_FOR_TESTS:-$((minutes * 60))}))
folder="$(mktemp -d)"
server='' tunnel='' address=''

finish() {
    trap - EXIT INT TERM
    [ -n "$tunnel" ] && kill "$tunnel" 2> /dev/null
    [ -n "$server" ] && kill "$server" 2> /dev/null
    wait
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

alive() { [ -n "$1" ] && kill -0 "$1" 2> /dev/null; }

ready() {
    curl --silent --fail --max-time 5 --output /dev/null "http://127.0.0.1:$port/api/ready"
}

start_server() {
    # cloudflared comes from this machine: it is the proxy whose word on the client is believed
    "$skintag" serve host=127.0.0.1 port="$port" forwarded_allow_ips=127.0.0.1 &
    server=$!
}

start_tunnel() {
    address=''
    : > "$folder/tunnel.log"
    "$cloudflared" tunnel --no-autoupdate --url "http://127.0.0.1:$port" > "$folder/tunnel.log" 2>&1 &
    tunnel=$!
}

tell_address() {
    [ -n "$address" ] && return
    address="$(grep --only-matching --extended-regexp 'https://[a-z0-9-]+\.trycloudflare\.com' "$folder/tunnel.log" | head -n 1)"
    [ -z "$address" ] && return
    echo "address: $address"
    echo "- $(date -u +%H:%M) UTC: <$address>" >> "$summary"
}

misses=0
while [ "$SECONDS" -lt "$left" ]; do
    alive "$server" || { start_server; misses=0; }
    if ready; then
        misses=0
        # no address before there is something behind it
        alive "$tunnel" || start_tunnel
        tell_address
    else
        misses=$((misses + 1))
    fi
    # a minute without an answer: it hangs
    if [ "$misses" -ge 12 ]; then
        kill -KILL "$server" 2> /dev/null
        wait "$server" 2> /dev/null
        server=''
    fi
    sleep "${PAUSE:-5}"
done
echo "the time is over"
