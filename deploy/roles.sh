#!/usr/bin/env bash
# Run once by the postgres image when it makes its data directory: the roles that Thuchi works with.
# The owner makes the tables; the application is a member of thuchi_application, which owns nothing.
set -euo pipefail

owner_password=$(cat /run/secrets/owner_password)
application_password=$(cat /run/secrets/application_password)

psql --set=ON_ERROR_STOP=1 --username postgres --dbname thuchi \
    --set=owner_password="$owner_password" --set=application_password="$application_password" <<'SQL'
CREATE ROLE thuchi_application NOLOGIN;
CREATE ROLE thuchi_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE thuchi_app LOGIN IN ROLE thuchi_application PASSWORD :'application_password';
ALTER DATABASE thuchi OWNER TO thuchi_owner;
SQL
