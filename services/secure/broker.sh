#!/bin/sh
# Runs in the container of Apache Kafka that services/secure/docker-compose.yml describes: a broker with the settings of
# its KAFKA_ variables, then those of broker.properties. Its start begins with `admin`, who may do all.
set -eu
umask 077
: "${ADMIN_KAFKA_PASSWORD:?is missing: \"make .env\" writes it}"
filled() {
    sed -e "s|{PASSWORD}|$ADMIN_KAFKA_PASSWORD|g" -e 's|{FOLDER}|/certificate|g' "/secure/$1"
}
env | awk -F= '/^KAFKA_/ { name = tolower(substr($1, 7)); gsub("_", ".", name); print name substr($0, length($1) + 1) }' \
    > /tmp/server.properties
filled broker.properties >> /tmp/server.properties
filled admin.properties > /tmp/admin.properties
if [ ! -e "$KAFKA_LOG_DIRS/meta.properties" ]; then
    /opt/kafka/bin/kafka-storage.sh format --cluster-id="$(/opt/kafka/bin/kafka-storage.sh random-uuid | tail -n 1)" \
        --config=/tmp/server.properties --add-scram "SCRAM-SHA-512=[name=admin,password=$ADMIN_KAFKA_PASSWORD]"
fi
exec java -Xmx512m -XX:+ExitOnOutOfMemoryError -cp '/opt/kafka/libs/*' kafka.Kafka /tmp/server.properties
