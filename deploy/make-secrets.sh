#!/usr/bin/env bash
# Makes ./secrets for docker-compose.yml: random passwords, and the addresses that hold them. Never overwrites.
set -euo pipefail

cd "$(dirname "$0")/.."
mkdir -p secrets
chmod 700 secrets
umask 077

secret() { [ -e "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"; }
password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

for role in superuser owner application; do
    secret "${role}_password" "$(password)"
done
secret owner_url "postgresql://thuchi_owner:$(cat secrets/owner_password)@postgres:5432/thuchi"
secret application_url "postgresql://thuchi_app:$(cat secrets/application_password)@postgres:5432/thuchi"
# The containers read them as an unprivileged user; the directory itself stays closed.
chmod 644 secrets/*
