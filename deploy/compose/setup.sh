#!/bin/sh
# Makes what the services of compose.yaml must not have in common: certificates, keys and passwords, in a folder for each reader, of its user
# and for it alone. It is run at each start, and changes nothing once all of it is there: setup.sh FOLDER
#
# The private key of the authority is kept nowhere. Certificates hold for two years; docker compose down --volumes has all made again.
set -eu
umask 077
secrets=$1
[ -e "$secrets/caller/done" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

password() { openssl rand -hex 32; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 730 -subj "/CN=Tollgate Compose" \
	-addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null

# issue NAME USE ALTERNATIVE-NAMES makes NAME.crt and NAME.key.
issue() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
	printf 'extendedKeyUsage=%s\nsubjectAltName=%s\nkeyUsage=critical,digitalSignature\n' "$2" "$3" >"$work/$1.ext"
	openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -days 730 -extfile "$work/$1.ext" -out "$work/$1.crt" 2>/dev/null
}

issue gateway serverAuth DNS:gateway-a,DNS:gateway-b,DNS:localhost
issue simulator serverAuth DNS:simulator,DNS:localhost
issue redis serverAuth DNS:redis,DNS:localhost
issue app clientAuth URI:spiffe://compose.example/app

redis=$(password)
metrics=$(password)
grafana=$(password)

# put FILE FOLDER NAME copies a file, write FOLDER NAME TEXT makes one.
put() { mkdir -p "$secrets/$2" && cp "$work/$1" "$secrets/$2/$3"; }
write() { mkdir -p "$secrets/$1" && printf '%s\n' "$3" >"$secrets/$1/$2"; }

put gateway.crt gateway tls.crt
put gateway.key gateway tls.key
put ca.pem gateway ca.pem
# The keys of the simulator, which are public.
write gateway partner.json '{"Version": 1, "AccessKeyId": "SIMPARTNER0001", "SecretAccessKey": "simulated-partner-secret-0001"}'
write gateway customer.json '{"Version": 1, "AccessKeyId": "SIMCUSTOMER0017", "SecretAccessKey": "simulated-customer-secret-0017"}'
write gateway redis_password "$redis"
write gateway metrics_token "$metrics"

put simulator.crt simulator tls.crt
put simulator.key simulator tls.key

put redis.crt redis tls.crt
put redis.key redis tls.key
write redis users.acl "user default off
user gateway on >$redis ~{tollgate}* resetchannels -@all +@read +@write +@connection -@scripting -@dangerous +eval +evalsha +info +time"

put ca.pem prometheus ca.pem
write prometheus metrics_token "$metrics"

write grafana password "$grafana"

put ca.pem caller ca.pem
put app.crt caller app.crt
put app.key caller app.key
write caller grafana_password "$grafana"

chown -R 65532:65532 "$secrets/gateway" "$secrets/simulator"
chown -R 999:999 "$secrets/redis"
chown -R 65534:65534 "$secrets/prometheus"
chown -R 472:0 "$secrets/grafana"
chmod 0700 "$secrets"/*
write caller done ''
