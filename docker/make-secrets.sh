#!/bin/sh
# Random secrets for compose.yaml, made once and never overwritten.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
[ -e secrets/postgres_password ] || head -c 24 /dev/urandom | base64 | tr -d '/+=\n' > secrets/postgres_password
[ -e secrets/secret_key ] || head -c 48 /dev/urandom | base64 | tr -d '\n' > secrets/secret_key
printf 'postgres://triage:%s@postgres:5432/triage' "$(cat secrets/postgres_password)" > secrets/database_url
# Read in the containers by a user of their own.
chmod 644 secrets/secret_key secrets/database_url secrets/postgres_password
chmod 711 secrets
