#!/usr/bin/env bash
# Makes the secrets and certificates of compose.yml in ./secrets (or the directory that is named), each readable by the one container user that
# needs it. What is there already stays as it is, so that one file can be replaced by removing it. Run it as root: only root can give
# files away.
#   usage: ./secrets.sh [DIR]     SITE=folio.example names the site in a certificate for a try
set -euo pipefail
cd "$(dirname "$0")"
umask 077
into=${1:-secrets}
site=${SITE:-localhost}
mkdir -p "$into"
cd "$into"

nodes=65532    # the image of Folioscope
postgres=999   # the image of PostgreSQL
haproxy=99     # the image of HAProxy
grafana=472    # the image of Grafana

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
missing() { [ ! -s "$1" ]; }
password() { if missing "$1"; then random >"$1"; fi; }

# authority NAME: a private one, which issues nothing else.
authority() {
  if missing "$1-ca.pem"; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1-ca.key" -out "$1-ca.pem" -days 3650 \
      -subj "/CN=Folioscope $1" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
  fi
}

# certificate AUTHORITY NAME: for a host of that name, which both serves and asks.
certificate() {
  if missing "$2.pem"; then
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$2.key" -out "$2.csr" -subj "/CN=$2" 2>/dev/null
    openssl x509 -req -in "$2.csr" -CA "$1-ca.pem" -CAkey "$1-ca.key" -days 825 -out "$2.pem" \
      -extfile <(printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth,clientAuth\nkeyUsage=critical,digitalSignature\n' "$2") 2>/dev/null
    rm "$2.csr"
  fi
}

password kek # the key-encryption key: 64 hexadecimal digits are its 32 bytes
password database-password
password database-app-password
password database-copy-password
password grafana-password
if missing pgpass; then printf '*:5432:folioscope:folioscope:%s\n' "$(<database-app-password)" >pgpass; fi
if missing database-copy-pgpass; then printf '*:5432:*:copy:%s\n' "$(<database-copy-password)" >database-copy-pgpass; fi

authority nodes
authority database
for n in 1 2 3; do certificate nodes "node-$n"; done
for n in 1 2; do certificate database "database-$n"; done

if missing site.pem; then
  # For a try: browsers warn. In earnest put the site's certificate chain and key here, one after the other.
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout site.key -out site.crt -days 90 -subj "/CN=$site" \
    -addext "subjectAltName=DNS:$site" 2>/dev/null
  cat site.crt site.key >site.pem
  rm site.crt site.key
fi

if [ "$(id -u)" -ne 0 ]; then
  echo "made in $PWD; run it again as root, so that each file belongs to whom it is for" >&2
  exit
fi
chown "$nodes:$nodes" kek pgpass node-?.pem node-?.key
chown "$postgres:$postgres" database-?.pem database-?.key database-password database-app-password database-copy-password database-copy-pgpass
chown "$haproxy:$haproxy" site.pem
chown "$grafana:0" grafana-password
chmod 0400 -- *
chmod 0444 -- *-ca.pem # nobody's secret: who is believed
chmod 0711 .
echo "made in $PWD. Keep a copy of kek apart from every copy of the database: without it nothing can be read again." >&2
