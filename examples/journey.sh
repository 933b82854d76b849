#!/bin/sh
# Makes every call of the vendor's Examples page once with the `carium` command: from the sign-in to a downloaded document.
#
#     carium sandbox &                 # or any other server
#     export CARIUM_BASE_URL=… CARIUM_USERNAME=… CARIUM_PASSWORD=… CARIUM_ORGANIZATION_ID=…
#     sh examples/journey.sh
#
# `carium` must be on PATH. The settings are read from CARIUM_* variables. If CARIUM_MFA_USERNAME and CARIUM_TOTP_SECRET are
# set, the script also signs in with a one-time code (the password is CARIUM_MFA_PASSWORD, or else CARIUM_PASSWORD). The
# other steps do not use the secret, because a code can be used only once. The script creates an invented patient and a
# document, and does not delete them. It stops at the first step that fails, and prints the name of the step.

set -u

secret=${CARIUM_TOTP_SECRET-}
unset CARIUM_TOTP_SECRET
export CARIUM_OUTPUT=table

directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
step=

begin() {
    step=$1
    printf '%s\n' "== $step" >&2
}

fail() {
    printf '%s\n' "journey.sh: failed at: $step${1:+ ($1)}" >&2
    exit 1
}

# Runs a command, prints its output and saves it for the functions below.
run() {
    "$@" >"$directory/output" || fail
    cat "$directory/output"
}

# Prints a field of the record in the saved output.
field() {
    awk -v name="$1" '$1 == name { print $2 }' "$directory/output" | grep . || fail "the output has no field $1"
}

# Prints the ID of the first item of the list in the saved output.
first_id() {
    awk 'NR == 2 { print $1 }' "$directory/output" | grep . || fail 'the list is empty'
}

begin 'sign in'
run carium login

if [ -n "${CARIUM_MFA_USERNAME-}" ] && [ -n "$secret" ]; then
    begin 'sign in with a one-time code'
    CARIUM_USERNAME=$CARIUM_MFA_USERNAME CARIUM_PASSWORD=${CARIUM_MFA_PASSWORD-$CARIUM_PASSWORD} \
        CARIUM_TOTP_SECRET=$secret carium login || fail
fi

begin 'create a patient'
email="journey.$(date +%s).$$@example.com"
run carium patients create --first-name Jürgen --last-name "O'Journey" --birth-date 1984-02-29 --gender male \
    --email "$email"
patient=$(field individual-id) || exit 1

begin 'invite the patient'
run carium invitations send "$email"

begin 'find a practitioner'
run carium practitioners list
practitioner=$(first_id) || exit 1

begin 'find an appointment type'
run carium appointment-types list
type=$(first_id) || exit 1

begin 'find an appointment status'
run carium appointment-statuses list
status=$(first_id) || exit 1

begin 'create an appointment'
run carium appointments create --patient "$patient" --practitioner "$practitioner" --type "$type" \
    --status "$status" --start 2030-01-01T09:00:00Z --end 2030-01-01T09:30:00Z --location 'Room 4'
appointment=$(field id) || exit 1

begin 'read the appointment'
run carium appointments get "$appointment"
[ "$(field start-time)" = 2030-01-01T09:00:00Z ] || fail 'the start time is different'

begin 'reschedule the appointment'
run carium appointments update "$appointment" --start 2030-01-01T10:00:00Z --end 2030-01-01T10:30:00Z
run carium appointments get "$appointment"
[ "$(field start-time)" = 2030-01-01T10:00:00Z ] || fail 'the start time did not change'

begin 'delete the appointment'
run carium appointments delete "$appointment"
carium appointments get "$appointment" >/dev/null 2>&1
[ $? -eq 5 ] || fail 'the appointment still exists'

begin 'list the document classes'
run carium documents classes
class=$(first_id) || exit 1

begin 'upload a document'
printf '%%PDF-1.4\n%% An invented letter, %s.\n' "$email" >"$directory/letter.pdf"
run carium documents upload "$directory/letter.pdf" --patient "$patient" --class "$class" --name 'Referral letter'
document=$(awk 'NR == 2 { print $2 }' "$directory/output" | grep .) || fail 'the output has no ID'

begin "list the patient's documents"
run carium documents list --patient "$patient"
grep -q "^$document" "$directory/output" || fail 'the document is not listed'

begin 'download the document and compare it'
run carium documents download "$document" --to "$directory/downloaded.pdf"
cmp "$directory/letter.pdf" "$directory/downloaded.pdf" || fail 'the files differ'

printf '%s\n' '== all steps succeeded' >&2
