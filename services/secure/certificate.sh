#!/bin/sh
# Makes a broker's certificate, once: certificate.sh KEYTOOL FOLDER NAMES, the key's password in STORE_PASSWORD.
# FOLDER then holds broker.p12, which is the broker's alone, and ca.pem, by which everybody knows it. NAMES are what it is
# reached by, as keytool's SAN takes them: dns:kafka,ip:127.0.0.1. Signed by itself, and so its own authority, as strict
# clients want one.
set -eu
keytool=$1 folder=$2 names=$3
[ ! -e "$folder/ca.pem" ] || exit 0
umask 077
of_broker() {
    "$keytool" "$@" -alias broker -keystore "$folder/broker.p12" -storepass:env STORE_PASSWORD
}
rm -f "$folder/broker.p12"
of_broker -genkeypair -storetype PKCS12 -keyalg EC -groupname secp256r1 -validity 3650 -dname CN=Lanyard \
    -ext "san=$names" -ext bc:critical=ca:true -ext ku:critical=digitalSignature,keyCertSign -ext eku=serverAuth
of_broker -exportcert -rfc -file "$folder/unfinished.pem"
chmod 644 "$folder/unfinished.pem"
mv "$folder/unfinished.pem" "$folder/ca.pem"
