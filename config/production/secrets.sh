#!/bin/sh
# Makes what docker-compose.production.yml reads: a certificate authority of its own, a certificate
# for each server, and passwords that nobody has typed. What is there already is left as it is.
#
#   sudo sh config/production/secrets.sh [HOST] [FOLDER]
#
# HOST is the name by which people reach the pages; put a certificate of your own in proxy/ where
# browsers should trust it. As root it gives each file to the user of the one service that reads it;
# otherwise do that by hand, or the services can't start.
set -eu
umask 077
host=${1:-localhost}
folder=${2:-secrets}
days=825

password() { openssl rand -hex 24; }

certificate() { # FILE-WITHOUT-END NAME...
  file=$1
  shift
  [ -e "$file.crt" ] && return
  names=
  for name in "$@"; do names="$names,DNS:$name"; done
  openssl req -newkey rsa:3072 -nodes -keyout "$file.key" -subj "/CN=$1" -out "$file.csr" 2>/dev/null
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "${names#,}" >"$file.ext"
  openssl x509 -req -in "$file.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial \
    -days $days -sha256 -extfile "$file.ext" -out "$file.crt" 2>/dev/null
  rm "$file.csr" "$file.ext"
}

once() { # FILE, and what it holds on standard input
  if [ -e "$1" ]; then cat >/dev/null; else cat >"$1"; fi
}

for name in kafka elasticsearch kibana veille proxy; do mkdir -p "$folder/$name"; done
if [ ! -e "$folder/ca.crt" ]; then
  openssl req -x509 -newkey rsa:4096 -nodes -days 3650 -sha256 -subj "/CN=Veille" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
fi
for name in kafka elasticsearch kibana veille proxy; do once "$folder/$name/ca.crt" <"$folder/ca.crt"; done

for broker in kafka kafka-2 kafka-3; do
  certificate "$folder/kafka/$broker" "$broker" localhost
  cat "$folder/kafka/$broker.key" "$folder/kafka/$broker.crt" | once "$folder/kafka/$broker.pem"
done
certificate "$folder/elasticsearch/node" elasticsearch localhost
certificate "$folder/kibana/node" kibana localhost
certificate "$folder/proxy/web" "$host" localhost

for name in kafka store kibana; do password | once "$folder/veille/$name-password"; done
password | once "$folder/veille/webhook-secret"
kafka=$(cat "$folder/veille/kafka-password")
password | once "$folder/kafka/broker-password"
broker=$(cat "$folder/kafka/broker-password")
once "$folder/kafka/jaas.conf" <<END
KafkaServer {
  org.apache.kafka.common.security.plain.PlainLoginModule required
  username="broker" password="$broker"
  user_broker="$broker" user_veille="$kafka";
};
END
once "$folder/kafka/client.properties" <<END
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="veille" password="$kafka";
ssl.truststore.type=PEM
ssl.truststore.location=/etc/kafka/secrets/ca.crt
END

password | once "$folder/elasticsearch/elastic-password"
password | once "$folder/kibana/system-password"
system=$(cat "$folder/kibana/system-password")
once "$folder/elasticsearch/curl.conf" <<END
user = "elastic:$(cat "$folder/elasticsearch/elastic-password")"
cacert = "/usr/share/elasticsearch/config/certs/ca.crt"
END
once "$folder/elasticsearch/kibana-system.json" <<END
{"password": "$system"}
END
once "$folder/elasticsearch/veille.json" <<END
{"password": "$(cat "$folder/veille/store-password")", "roles": ["veille"]}
END
once "$folder/elasticsearch/dashboards.json" <<END
{"password": "$(cat "$folder/veille/kibana-password")", "roles": ["kibana_admin", "veille"]}
END
once "$folder/kibana/kibana.yml" <<END
elasticsearch.username: kibana_system
elasticsearch.password: $system
xpack.security.encryptionKey: $(password)
xpack.encryptedSavedObjects.encryptionKey: $(password)
xpack.reporting.encryptionKey: $(password)
END

chmod 0400 "$folder"/*/*
if [ "$(id -u)" = 0 ]; then
  chown -R 1000:1000 "$folder/kafka" "$folder/proxy"
  chown -R 1000:0 "$folder/elasticsearch" "$folder/kibana"
  chown -R 10001:10001 "$folder/veille"
else
  echo "not root: give kafka/, proxy/, elasticsearch/ and kibana/ to user 1000, veille/ to 10001" >&2
fi
echo "$folder: made. Keep ca.key somewhere else."
