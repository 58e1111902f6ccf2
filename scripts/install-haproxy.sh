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
work=

say() { printf '[haproxy] %s\n' "$*" >&2; }

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

# The library folder's name and the dynamic linker's, which depend on the architecture.
triplet() {
  case $1 in
    amd64) echo x86_64-linux-gnu ;;
    arm64) echo aarch64-linux-gnu ;;
    *) return 1 ;;
  esac
}

need_tools() {
  local tool missing=()
  for tool in apt-get apt-cache apt-config dpkg dpkg-deb patchelf flock; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  [ ${#missing[@]} -eq 0 ] || fail "HAProxy $minimum or newer is not installed, and to install it this script lacks: ${missing[*]} (apt-get install ${missing[*]/flock/util-linux}; on a system without apt-get it cannot be done)."
}

keyring() {
  local file
  for file in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
    [ ! -r "$file" ] || { echo "$file"; return; }
  done
  return 1
}

# The Debian mirror that the machine uses, as apt itself understands its sources, whichever format they have.
mirror() {
  local codename='' found=''
  if [ -r /etc/os-release ]; then
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && [ "${ID:-}" = debian ] && echo "${VERSION_CODENAME:-testing}") || codename=
  fi
  if [ -n "$codename" ]; then
    # shellcheck disable=SC2016  # apt's own variables
    found=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
      awk -v codename="$codename" '
        $1 ~ "^(" codename "|stable|oldstable|testing|unstable|sid)$" && $2 == "main" && $3 !~ /^cdrom:/ { print $3; exit }') || found=
  fi
  if [ -z "$found" ]; then
    fail "apt's sources name no mirror of Debian's own archive, from which HAProxy $series could be had"
  fi
  echo "$found"
}

# A private apt: the machine's way to the network (proxies, certificates), nothing else of its configuration and none of its state.
prepare_apt() {
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/apt/debs" "$work/root"
  : >"$work/apt/status"
  {
    apt-config dump | grep '^Acquire::' || true
    cat <<EOC
Dir::Etc::Parts "/dev/null";
Dir::Etc::Main "/dev/null";
Dir::Etc::SourceList "$work/apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$work/apt";
Dir::State::Lists "$work/apt/lists";
Dir::State::Status "$work/apt/status";
Dir::Cache "$work/apt/cache";
APT::Sandbox::User "root";
APT::Architecture "$architecture";
EOC
  } >"$work/apt/apt.conf"
  export APT_CONFIG=$work/apt/apt.conf
}

# Makes apt know the suites named, and nothing else.
use_suites() {
  local suite log=$work/apt/log
  for suite; do
    printf 'deb [target=Packages signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite"
  done >"$work/apt/sources.list"
  say "reading the package lists of Debian's $* from $mirror"
  apt-get update --quiet --quiet --option APT::Update::Error-Mode=any >"$log" 2>&1 && return
  sed 's/^/[haproxy]   /' "$log" >&2
  fail "apt could not read Debian's $* from $mirror (its words are above). If it speaks of keys: apt-get install --only-upgrade debian-archive-keyring."
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

# The libraries that a package needs, one name per line: of each alternative the first, and no programs.
libraries_of() {
  apt-cache show --no-all-versions "$1" |
    sed -n 's/^\(Pre-\)\{0,1\}Depends: //p' | tr ',' '\n' | sed 's/^ *\([^ :|(]*\).*/\1/' | grep -E '^(lib|zlib)' || true
}

# haproxy=VERSION and every library that it needs, directly or not.
packages_for() {
  local -A seen=()
  local queue=("haproxy=$1") package library
  while [ ${#queue[@]} -gt 0 ]; do
    package=${queue[0]}
    queue=("${queue[@]:1}")
    echo "$package"
    for library in $(libraries_of "$package"); do
      [ -z "${seen[$library]:-}" ] || continue
      seen[$library]=1
      queue+=("$library")
    done
  done
}

download_and_unpack() {
  local packages package log=$work/apt/log
  mapfile -t packages < <(packages_for "$1")
  say "downloading haproxy $1 and ${#packages[@]} packages in all, about 11 MB"
  if ! (cd "$work/apt/debs" && apt-get download --quiet --quiet "${packages[@]}") >"$log" 2>&1; then
    sed 's/^/[haproxy]   /' "$log" >&2
    fail "apt could not download them (its words are above)."
  fi
  say 'unpacking'
  for package in "$work"/apt/debs/*.deb; do dpkg-deb --extract "$package" "$work/root"; done
}

# Makes the unpacked program use its own linker and libraries, at the place where they will be in the end: $1.
# RPATH, not RUNPATH: it also counts for the libraries that libraries load. Absolute: $ORIGIN is void for a program with capabilities.
bind_to_own_libraries() {
  local libraries linker program=$work/root/usr/sbin/haproxy
  libraries=usr/lib/$(triplet "$architecture")
  linker=$(cd "$work/root" && ls "$libraries"/ld-linux-*.so.*) || fail "the libc6 package has no dynamic linker in $libraries."
  patchelf --set-interpreter "$1/$linker" --force-rpath --set-rpath "$1/$libraries" "$program"
}

# Moves the finished folder to its place and points "current" at it, each in one step.
publish() {
  local target=$1
  [ ! -e "$target" ] || mv "$target" "$work/replaced"
  mv "$work/root" "$target"
  [ -n "$(version_of "$target/usr/sbin/haproxy")" ] || {
    "$target/usr/sbin/haproxy" -v >&2 || true
    mv "$target" "$work/broken"
    [ ! -e "$work/replaced" ] || mv "$work/replaced" "$target"
    fail 'the installed HAProxy does not run here (its words are above).'
  }
  ln --symbolic "${target##*/}" "$work/current"
  mv --no-target-directory "$work/current" "$base/current"
}

install() {
  local suites version='' architecture mirror keyring
  need_tools
  architecture=$(dpkg --print-architecture)
  triplet "$architecture" >/dev/null || fail "this script knows amd64 and arm64, not $architecture."
  keyring=$(keyring) || fail 'the keys of the Debian archive are missing (apt-get install debian-archive-keyring).'
  mirror=$(mirror)
  work=$(mktemp -d "$base/.work.XXXXXXXX")
  trap 'rm -rf "$work"' EXIT
  prepare_apt
  for suites in "${suite_sets[@]}"; do
    # shellcheck disable=SC2086  # one word per suite
    use_suites $suites
    version=$(newest_offered)
    [ -z "$version" ] || break
  done
  [ -n "$version" ] || fail "$mirror offers no HAProxy $series.x from $minimum on in any of: ${suite_sets[*]}."

  local target=$base/${version%%[-~]*}
  download_and_unpack "$version"
  bind_to_own_libraries "$target"
  publish "$target"
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
    mkdir -p "$base"
    exec 9>"$base/.lock"
    flock --nonblock 9 || { say "another process is installing into $base; waiting for it"; flock 9; }
    # Asked again, because whoever held the lock may have installed it.
    if [ -n "${1:-}" ] || ! serves "$(version_of "$binary")"; then
      install
      say "installed: $(version_of "$binary") in $base/$(readlink "$base/current")"
    fi
  fi
  printf '%s\n' "$binary"
}

main "$@"
