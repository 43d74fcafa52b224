#!/bin/sh
# Random secrets for compose.yaml, made once and never overwritten. Running it again closes a folder that others could enter.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
# Nobody else on this machine gets into the folder. Each container has only its own files mounted, one by one, and the user in
# the container is none of this machine's, so the files themselves let everybody read.
chmod 700 secrets
[ -e secrets/postgres_password ] || head -c 24 /dev/urandom | base64 | tr -d '/+=\n' > secrets/postgres_password
[ -e secrets/secret_key ] || head -c 48 /dev/urandom | base64 | tr -d '\n' > secrets/secret_key
printf 'postgres://triage:%s@postgres:5432/triage' "$(cat secrets/postgres_password)" > secrets/database_url
chmod 644 secrets/secret_key secrets/database_url secrets/postgres_password
# Further variables of the desk, for its owner alone.
[ -e desk.env ] || : > desk.env
