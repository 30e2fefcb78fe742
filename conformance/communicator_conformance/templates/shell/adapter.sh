#!/usr/bin/env bash
# A first adapter, from nothing but bash, jq and openssl: the keys and labels of profile label/1.
#
#     communicator conform --expectations known.txt -- bash adapter.sh
#
# It offers one role and one profile, has two of the three operations that these need, and says so in its list of known
# failures, known.txt.
set -u

HELLO='{"name":"first-verdict-shell","version":"1","language":"shell",
"roles":["rm"],"profiles":["label/1"],"suites":[1],"features":[]}'
EPOCH_LABEL=636f6d6d756e696361746f72206c6162656c2f312065706f636800 # "communicator label/1 epoch" and a zero byte
YEAR_S=34214400                                                    # 396 days

# Each operation sets `result`, or `refusal` to a class of the standard.
say() { result=$(printf '{"%s":"%s"}' "$1" "$2"); }
refuse() { refusal=$1; }

# HMAC-SHA256 of hex data under a hex key, in hex. A key of no bytes is one zero byte for openssl, and the same for HMAC.
hmac() {
  printf "$(printf %s "$2" | sed 's/../\\x&/g')" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:${1:-00}" | sed 's/.*= //'
}

# HKDF-Expand(root secret, label ‖ 0 ‖ epoch, 32), for at most 396 days of whole hours.
label_grant() {
  raw secret && number epoch && number valid_until_s || { refuse malformed; return; }
  [ $((valid_until_s % 3600)) -eq 0 ] || { refuse malformed; return; }
  [ $((valid_until_s - now)) -le $YEAR_S ] && [ "$epoch" -le 4294967295 ] || { refuse limit; return; }
  say key "$(hmac "$secret" "$EPOCH_LABEL$(printf %08x "$epoch")01")"
}

# HMAC(epoch key, lane ‖ index), the first 16 bytes.
label_derive() {
  raw key && number lane && number index || { refuse malformed; return; }
  [ "$lane" -le 65535 ] && [ "$index" -le 4294967295 ] || { refuse limit; return; }
  say label "$(hmac "$key" "$(printf '%04x%08x' "$lane" "$index")" | cut -c 1-32)"
}

field() { printf %s "$line" | jq -r ".$1"; }
# Set the variable of an argument's name: bytes in hex, or an unsigned integer of at most 16 digits; false for anything else.
raw() { printf -v "$1" %s "$(field "args.$1")" && [[ $(field "args.$1 | type") = string && ${!1} =~ ^([0-9a-f]{2})*$ ]]; }
number() { printf -v "$1" %s "$(field "args.$1")" && [[ ${!1} =~ ^[0-9]{1,16}$ ]]; }

while IFS= read -r line; do
  id=$(field id) now=$(field now) result= refusal=
  case $(field op) in
    hello) result=$HELLO ;;
    label.grant) label_grant ;;
    label.derive) label_derive ;;
  esac
  if [ -n "$result" ]; then
    printf %s "$result" | jq -c "{id: $id, ok: .}"
  elif [ -n "$refusal" ]; then
    printf '{"id":%s,"error":{"class":"%s"}}\n' "$id" "$refusal"
  else
    printf '{"id":%s,"unsupported":true}\n' "$id"
  fi
done
