#!/usr/bin/env bash
# Prints the path of an HAProxy that Sluice can use, and installs one into a private folder if the machine has none.
#
#   scripts/install-haproxy.sh [--upgrade]
#
# In this order: $SLUICE_HAPROXY, the haproxy on PATH, the private one. Debian 12 carries HAProxy 2.6 and Debian 13 carries 3.0, while
# Sluice needs the backends at run time of 3.4. So the private one is Debian's package of a newer suite, with the libraries (libc too)
# that it was built against. Nothing of the machine's own packages or apt state changes, and no root is needed.
#
#   stdout  the path, and nothing else          stderr  progress and errors
#
#   SLUICE_HAPROXY  an HAProxy of your own; an error when it is too old, because a choice must not be overruled in silence
#   SLUICE_CACHE    where the private one is kept; otherwise $XDG_CACHE_HOME/sluice or ~/.cache/sluice
#   --upgrade       installs the private one anew: the newest 3.4.x with the newest libraries. Without it, what works is left alone
set -euo pipefail

readonly minimum=3.4.7
readonly series=3.4
# 3.4 enters Debian through experimental and moves to the next stable release by way of sid. The libraries come from the first suite.
readonly suite_sets=('forky experimental' 'forky sid')

readonly cache=${SLUICE_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or SLUICE_CACHE}/.cache}/sluice}
readonly base=$cache/haproxy
readonly binary=$base/current/usr/sbin/haproxy
readonly tag=haproxy

# shellcheck source=scripts/debian-package.sh
. "$(dirname "${BASH_SOURCE[0]}")/debian-package.sh"

fail() {
  printf '[haproxy] error: %s\n' "$1" >&2
  cat >&2 <<EOM
[haproxy] Instead, either
[haproxy]   - install HAProxy $minimum or newer yourself (https://www.haproxy.org) and name it with SLUICE_HAPROXY=/path/to/haproxy,
[haproxy]     or with "sluice run --haproxy-path /path/to/haproxy"; or
[haproxy]   - run Sluice's container image, which carries it (deploy/).
EOM
  exit 1
}

# The version of the HAProxy at $1 ("3.4.7", "3.5-dev1"); empty when it does not run.
version_of() { "$1" -v 2>/dev/null | sed -n 's/^HA-\{0,1\}Proxy version \([0-9][0-9.]*[0-9]\(-dev[0-9]*\)\{0,1\}\).*/\1/p' || true; }

# Whether version $1 is one that Sluice can use.
serves() { [ -n "$1" ] && printf '%s\n' "$minimum" "$1" | sort --version-sort --check=quiet; }

own_haproxy() {
  local version system
  if [ -n "${SLUICE_HAPROXY:-}" ]; then
    version=$(version_of "$SLUICE_HAPROXY")
    serves "$version" || fail "SLUICE_HAPROXY is $SLUICE_HAPROXY, which $(
      if [ -n "$version" ]; then echo "is HAProxy $version"; else echo 'does not run as HAProxy'; fi
    ); $minimum or newer is needed. Unset it to have one installed."
    printf '%s\n' "$SLUICE_HAPROXY"
    return
  fi
  system=$(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v haproxy) || return 1
  serves "$(version_of "$system")" || return 1
  printf '%s\n' "$system"
}

# The newest package version of the series that is new enough; empty when there is none.
newest_offered() {
  local version newest=
  while read -r version; do
    # "3.4.7-1" and "3.4.7-1~bpo13+1" are both HAProxy 3.4.7.
    serves "${version%%[-~]*}" || continue
    if [ -z "$newest" ] || dpkg --compare-versions "$version" gt "$newest"; then newest=$version; fi
  done < <(apt-cache madison haproxy | awk -F ' *[|] *' -v series="$series" 'index($2, series ".") == 1 { print $2 }')
  echo "$newest"
}

install() {
  local suites version='' target
  begin_installation "HAProxy $minimum or newer"
  for suites in "${suite_sets[@]}"; do
    # shellcheck disable=SC2086  # one word per suite
    use_suites $suites
    version=$(newest_offered)
    [ -z "$version" ] || break
  done
  [ -n "$version" ] || fail "$mirror offers no HAProxy $series.x from $minimum on in any of: ${suite_sets[*]}."

  target=$base/${version%%[-~]*}
  download_and_unpack "haproxy=$version" 11
  bind_to_own_libraries usr/sbin/haproxy "$target"
  publish usr/sbin/haproxy "$target"
}

main() {
  case ${1:-} in
    '' | --upgrade) ;;
    --help)
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
      return
      ;;
    *)
      printf '[haproxy] error: there is no argument %s; see %s --help\n' "$1" "$0" >&2
      exit 2
      ;;
  esac
  own_haproxy && return
  if [ -n "${1:-}" ] || ! serves "$(version_of "$binary")"; then
    lock_base
    # Asked again, because whoever held the lock may have installed it.
    if [ -n "${1:-}" ] || ! serves "$(version_of "$binary")"; then
      install
      say "installed: $(version_of "$binary") in $base/$(readlink "$base/current")"
    fi
  fi
  printf '%s\n' "$binary"
}

main "$@"
