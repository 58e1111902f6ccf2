#!/usr/bin/env bash
# Prints the path of an nft of another series than the machine's own, with which the tests of the kernel's rules are run as well,
# and installs it into a private folder if it is not there: Debian 12's, which is 1.0.6, or Debian 13's, which is 1.1.3.
#
#   scripts/install-other-nft.sh [--no-install]
#
#   stdout  the path, and nothing else          stderr  progress and errors
#
#   SLUICE_OTHER_NFT  an nft of your own, which is taken as it is
#   SLUICE_CACHE      where the private one is kept; otherwise $XDG_CACHE_HOME/sluice or ~/.cache/sluice
#   --no-install      only looks for it
set -euo pipefail

readonly cache=${SLUICE_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or SLUICE_CACHE}/.cache}/sluice}
readonly tag=nft

fail() {
  printf '[nft] error: %s\n' "$1" >&2
  exit 1
}

# shellcheck source=scripts/debian-package.sh
. "$(dirname "${BASH_SOURCE[0]}")/debian-package.sh"

# The suite whose nft is of another series than the machine's own.
other_suite() {
  local version
  version=$(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin nft --version 2>/dev/null) || fail 'this machine has no nft (apt-get install nftables).'
  case $version in
    'nftables v1.0.'*) echo trixie ;;
    *) echo bookworm ;;
  esac
}

main() {
  local suite
  case ${1:-} in
    '' | --no-install) ;;
    --help)
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
      return
      ;;
    *)
      printf '[nft] error: there is no argument %s; see %s --help\n' "$1" "$0" >&2
      exit 2
      ;;
  esac
  if [ -n "${SLUICE_OTHER_NFT:-}" ]; then
    "$SLUICE_OTHER_NFT" --version >/dev/null || fail "SLUICE_OTHER_NFT is $SLUICE_OTHER_NFT, which does not run."
    printf '%s\n' "$SLUICE_OTHER_NFT"
    return
  fi
  suite=$(other_suite)
  base=$cache/nft-$suite
  if ! [ -x "$base/current/usr/sbin/nft" ]; then
    [ -z "${1:-}" ] || fail "the nft of Debian's $suite is not there; scripts/setup.sh --test installs it."
    lock_base
    # Asked again, because whoever held the lock may have installed it.
    [ -x "$base/current/usr/sbin/nft" ] || install "$suite"
  fi
  printf '%s\n' "$base/current/usr/sbin/nft"
}

install() {
  local target
  begin_installation "the nft of Debian's $1"
  use_suites "$1"
  target=$base/$(apt-cache show --no-all-versions nftables | sed -n 's/^Version: \(.*\)/\1/p')
  download_and_unpack nftables 4
  bind_to_own_libraries usr/sbin/nft "$target"
  publish usr/sbin/nft "$target"
  say "installed: $("$base/current/usr/sbin/nft" --version)"
}

main "$@"
