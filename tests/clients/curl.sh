#!/usr/bin/env bash
# The trials with curl. run.sh starts it and says where the gateway is.
set -uo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tickets=$GATEWAY/v2/support-tickets
id=curl_$RUN
unauthorized='{"code":"Unauthorized","message":"Invalid or expired token."}'

# Asks: $head and $body are the answer's, $status its status, $cache its Cache-Status.
ask() {
    status=$(curl -sS -o "$work/body" -D "$work/head" -w '%{http_code}' \
        -H "Authorization: Bearer curl-$RUN" "$@" 2>"$work/err")
    head=$(tr -d '\r' <"$work/head")
    body=$(head -c 4096 "$work/body" | tr -d '\0')
    cache=$(sed -n 's/^cache-status: //Ip' <<<"$head" | tail -n 1)
}
# Says how the trial went; the arguments after its name are a command that holds if it went well.
trial() {
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "FAILED $name: $status, $cache, $body"; fi
}
all() { [[ $status == "$1" && $cache == *"$2"* && $body == *"$3"* ]]; }
field() { sed -n "s/^$1: //Ip" <<<"$head"; }

ask "$tickets/$id"
trial "a miss" all 200 "; fwd=uri-miss; fwd-status=200; stored" "\"_id\":\"$id\""
length=$(field content-length)
first=$body
ask "$tickets/$id"
trial "a hit, with the same bytes" all 200 "; hit" "$first"
trial "the hit has an age" test -n "$(field age)"
ask -I "$tickets/$id"
trial "HEAD is a hit" all 200 "; hit" ""
trial "HEAD says how long the body is" test "$(field content-length)" = "${length:-unknown}"
ask "$tickets/missing_$id"
trial "not found" all 404 "; fwd=uri-miss; fwd-status=404; stored" SUPPORT_TICKET_NOT_FOUND
ask "$tickets/missing_$id"
trial "not found, from memory" all 404 "; detail=not-found" SUPPORT_TICKET_NOT_FOUND
# curl sends both: two credentials are refused, not chosen from.
ask -H 'Authorization: Bearer dead' "$tickets/$id"
trial "two credentials are refused" all 400 "" GATEWAY_TWO_CREDENTIALS

body=$(curl -sS -H 'Authorization: Bearer dead' "$tickets/$id")
trial "the text of a 401 is untouched" test "$body" = "$unauthorized"

ask -X PUT -H 'Content-Type: application/json' -d '{"status":"resolved"}' "$tickets/$id"
trial "a write" all 200 "; fwd=method" '{"status":"completed"}'
ask "$tickets/$id"
trial "the read after a write is a miss and shows it" all 200 "; fwd=uri-miss" '"status":"resolved"'

# shellcheck disable=SC2153 # UPLOAD is what run.sh has made.
upload=(-H 'Content-Type: application/json' --data-binary "@$UPLOAD" "$GATEWAY/v2/attachments")
bytes=$(wc -c <"$UPLOAD" | tr -d ' ')
ask "${upload[@]}"
trial "an upload of 14 MB" all 201 "; fwd=bypass" "\"size\":$bytes"
ask -H 'Expect: 100-continue' --expect100-timeout 30 "${upload[@]}"
trial "Expect: 100-continue is answered" grep -q '^HTTP/1.1 100 Continue' <<<"$head"
trial "the upload after 100 Continue" all 201 "; fwd=bypass" "\"size\":$bytes"
ask -H 'Transfer-Encoding: chunked' "${upload[@]}"
trial "an upload in chunks" all 201 "; fwd=bypass" "\"size\":$bytes"

ask -X OPTIONS -H 'Origin: https://app.example' -H 'Access-Control-Request-Method: PUT' \
    -H 'Access-Control-Request-Headers: authorization' "$tickets/$id"
trial "a preflight passes through" all 204 "; fwd=" ""
trial "the preflight is allowed" test "$(field access-control-allow-headers)" = authorization

ask -H 'Expect: 100-continue' "$tickets/$id"
trial "Expect on the read of a ticket is refused" all 417 "" GATEWAY_EXPECTATION
ask "$tickets/$id"
trial "an upload may change any ticket of its credential" all 200 "; fwd=uri-miss" "\"_id\":\"$id\""
ask --http1.0 "$tickets/$id"
trial "HTTP/1.0" all 200 "; hit" "\"_id\":\"$id\""

[ -n "$PLAIN" ] || exit 0
size=62914560
for kind in download chunked; do
    expected=$(yes 0123456789abcdef | tr -d '\n' | head -c $size | sha256sum)
    status=$(curl -sS -w '%{http_code}' -o "$work/large" "$PLAIN/v2/$kind?bytes=$size")
    body=$(wc -c <"$work/large")
    trial "a download of 60 MB ($kind)" test "$(sha256sum <"$work/large")" = "$expected"
done
ask -H 'Content-Type: application/json' --data-binary "@$UPLOAD" "$PLAIN/v2/echo?a=b?c&"
sum=$(sha256sum <"$UPLOAD" | cut -d ' ' -f 1)
trial "the upload arrives bit for bit" all 200 "; fwd=bypass" "\"sha256\": \"$sum\""
trial "the query arrives as it was sent" all 200 "; fwd=bypass" '"target": "/v2/echo?a=b?c&"'
