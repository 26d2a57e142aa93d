# Debian packages by purpose, and installing them. Sourced by scripts/demo, scripts/test and .ci/run.

packages_build="build-essential cmake ninja-build pkg-config libyaml-dev libcjson-dev libcurl4-openssl-dev libssl-dev
  liblmdb-dev libevent-dev libldns-dev libidn2-dev libpsl-dev libinotifytools0-dev libseccomp-dev ca-certificates publicsuffix"
packages_demo="nginx-light openssl curl"
packages_test="$packages_demo bind9 bind9-dnsutils bind9-utils knot pdns-server
  pdns-backend-sqlite3 python3 nodejs node-ajv node-js-yaml strace git procps e2fsprogs spin"
packages_fuzz="clang libclang-rt-14-dev python3"
packages_analyze="clang-tidy cppcheck python3"

# packages_need LIST...: install what is missing. On a terminal it asks once; with CI, --yes or no terminal it does not.
packages_need() {
  local missing=() package sudo=""
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "These Debian packages are missing: ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "install them as root, then come again" >&2; return 1; }
    sudo=sudo
  fi
  if [ -t 0 ] && [ -z "${CI:-}" ] && [ -z "${ASSUME_YES:-}" ]; then
    read -r -p "Install them now with apt-get? [y/N] " answer
    case "$answer" in [yY]*) ;; *) return 1 ;; esac
  fi
  # No service of theirs shall start: what we need we start ourselves, on high ports.
  local policy=/usr/sbin/policy-rc.d made=""
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
    made=yes
  fi
  local result=0 # the policy goes whatever comes of it
  { $sudo apt-get update -qq &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; } || result=$?
  [ -n "$made" ] && $sudo rm -f $policy
  return $result
}
