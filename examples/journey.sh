#!/bin/sh
# The journey of the vendor's Examples page, from a terminal: every call of it once, in an order that makes sense.
#
#     carium sandbox &                 # or any other server
#     export CARIUM_BASE_URL=… CARIUM_USERNAME=… CARIUM_PASSWORD=… CARIUM_ORGANIZATION_ID=…
#     sh examples/journey.sh
#
# Takes `carium` from PATH and everything else from CARIUM_*. With CARIUM_MFA_USERNAME and CARIUM_TOTP_SECRET it also signs
# in with a one-time code (its password is CARIUM_MFA_PASSWORD, or the same); every other step does without the secret, as
# each code is good once. Creates an invented patient, and leaves them and one document behind. Stops at the first step
# that fails, and names it.

set -u

secret=${CARIUM_TOTP_SECRET-}
unset CARIUM_TOTP_SECRET
export CARIUM_OUTPUT=table

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
step=

begin() {
    step=$1
    printf '%s\n' "== $step" >&2
}

fail() {
    printf '%s\n' "the journey stops at: $step${1:+ ($1)}" >&2
    exit 1
}

# What a command answers with, shown and kept for the next steps.
answer() {
    "$@" >"$folder/answer" || fail
    cat "$folder/answer"
}

# A field of the record that was answered.
field() {
    awk -v name="$1" '$1 == name { print $2 }' "$folder/answer" | grep . || fail "the answer has no $1"
}

# The id of the first thing that was listed.
first() {
    awk 'NR == 2 { print $1 }' "$folder/answer" | grep . || fail 'the list is empty'
}

begin 'sign in'
answer carium login

if [ -n "${CARIUM_MFA_USERNAME-}" ] && [ -n "$secret" ]; then
    begin 'sign in with a one-time code'
    CARIUM_USERNAME=$CARIUM_MFA_USERNAME CARIUM_PASSWORD=${CARIUM_MFA_PASSWORD-$CARIUM_PASSWORD} \
        CARIUM_TOTP_SECRET=$secret carium login || fail
fi

begin 'create a patient'
email="journey.$(date +%s).$$@example.com"
answer carium patients create --first-name Jürgen --last-name "O'Journey" --birth-date 1984-02-29 --gender male \
    --email "$email"
patient=$(field individual-id) || exit 1

begin 'invite them'
answer carium invitations send "$email"

begin 'find a practitioner'
answer carium practitioners list
practitioner=$(first) || exit 1

begin 'find a type of appointment'
answer carium appointment-types list
type=$(first) || exit 1

begin 'find a status of appointment'
answer carium appointment-statuses list
status=$(first) || exit 1

begin 'create an appointment'
answer carium appointments create --patient "$patient" --practitioner "$practitioner" --type "$type" \
    --status "$status" --start 2030-01-01T09:00:00Z --end 2030-01-01T09:30:00Z --location 'Room 4'
appointment=$(field id) || exit 1

begin 'read it'
answer carium appointments get "$appointment"
[ "$(field start-time)" = 2030-01-01T09:00:00Z ] || fail 'it starts at another time'

begin 'move it'
answer carium appointments update "$appointment" --start 2030-01-01T10:00:00Z --end 2030-01-01T10:30:00Z
answer carium appointments get "$appointment"
[ "$(field start-time)" = 2030-01-01T10:00:00Z ] || fail 'it was not moved'

begin 'delete it'
answer carium appointments delete "$appointment"
carium appointments get "$appointment" >/dev/null 2>&1
[ $? -eq 5 ] || fail 'it is still there'

begin 'list the classes of documents'
answer carium documents classes
class=$(first) || exit 1

begin 'upload a document'
printf '%%PDF-1.4\n%% An invented letter to nobody, %s.\n' "$email" >"$folder/letter.pdf"
answer carium documents upload "$folder/letter.pdf" --patient "$patient" --class "$class" --name 'Referral letter'
document=$(awk 'NR == 2 { print $2 }' "$folder/answer" | grep .) || fail 'the answer has no id'

begin 'list the documents of the patient'
answer carium documents list --patient "$patient"
grep -q "^$document" "$folder/answer" || fail 'the document is not listed'

begin 'download it and compare'
answer carium documents download "$document" --to "$folder/again.pdf"
cmp "$folder/letter.pdf" "$folder/again.pdf" || fail 'it is another file'

printf '%s\n' '== all done' >&2
