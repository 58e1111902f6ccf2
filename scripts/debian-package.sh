# For scripts that install one program of Debian's archive, of whatever suite, into a private folder: the program with the libraries
# (libc too) that it was built against. Nothing of the machine's own packages or apt state changes, and no root is needed.
#
# Whoever sources this has $tag, the word that its messages begin with, $base, the folder, and says what it has to say with `fail`.
# shellcheck shell=bash
# shellcheck disable=SC2154  # tag and base

# Where the work is done, on the file system where its result goes; set by begin_installation.
work=

say() { printf '[%s] %s\n' "$tag" "$*" >&2; }

# The library folder's name and the dynamic linker's, which depend on the architecture.
triplet() {
  case $1 in
    amd64) echo x86_64-linux-gnu ;;
    arm64) echo aarch64-linux-gnu ;;
    *) return 1 ;;
  esac
}

need_tools() {
  local what=$1 tool missing=()
  for tool in apt-get apt-cache apt-config dpkg dpkg-deb patchelf flock; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  [ ${#missing[@]} -eq 0 ] || fail "$what is not installed, and to install it this script lacks: ${missing[*]} (apt-get install ${missing[*]/flock/util-linux}; on a system without apt-get it cannot be done)."
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
    fail "apt's sources name no mirror of Debian's own archive, from which it could be had"
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
  sed "s/^/[$tag]   /" "$log" >&2
  fail "apt could not read Debian's $* from $mirror (its words are above). If it speaks of keys: apt-get install --only-upgrade debian-archive-keyring."
}

# The libraries that a package needs, one name per line: of each alternative the first, and no programs.
libraries_of() {
  apt-cache show --no-all-versions "$1" |
    sed -n 's/^\(Pre-\)\{0,1\}Depends: //p' | tr ',' '\n' | sed 's/^ *\([^ :|(]*\).*/\1/' | grep -E '^(lib|zlib)' || true
}

# The package $1 (NAME or NAME=VERSION) and every library that it needs, directly or not.
packages_for() {
  local -A seen=()
  local queue=("$1") package library
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

# The package $1 (NAME or NAME=VERSION) with its libraries, about $2 MB in all, into $work/root.
download_and_unpack() {
  local packages package log=$work/apt/log
  mapfile -t packages < <(packages_for "$1")
  say "downloading $1: ${#packages[@]} packages in all, about $2 MB"
  if ! (cd "$work/apt/debs" && apt-get download --quiet --quiet "${packages[@]}") >"$log" 2>&1; then
    sed "s/^/[$tag]   /" "$log" >&2
    fail "apt could not download them (its words are above)."
  fi
  say 'unpacking'
  # Packages up to Debian 12 have libraries in /lib as well, which is one with /usr/lib.
  mkdir -p "$work"/root/usr/lib{,64}
  ln --symbolic usr/lib usr/lib64 "$work/root"
  for package in "$work"/apt/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --directory="$work/root"
  done
}

# Makes the unpacked program $1 use its own linker and libraries, at the place where they will be in the end: $2.
# RPATH, not RUNPATH: it also counts for the libraries that libraries load. Absolute: $ORIGIN is void for a program with capabilities.
bind_to_own_libraries() {
  local libraries linker
  libraries=usr/lib/$(triplet "$architecture")
  linker=$(cd "$work/root" && ls "$libraries"/ld-linux-*.so.*) || fail "the libc6 package has no dynamic linker in $libraries."
  patchelf --set-interpreter "$2/$linker" --force-rpath --set-rpath "$2/$libraries" "$work/root/$1"
}

# Moves the finished folder to its place $2, once its program $1 runs there, and points "current" at it, each in one step.
publish() {
  local program=$1 target=$2
  [ ! -e "$target" ] || mv "$target" "$work/replaced"
  mv "$work/root" "$target"
  "$target/$program" -v >"$work/apt/log" 2>&1 || {
    cat "$work/apt/log" >&2
    mv "$target" "$work/broken"
    [ ! -e "$work/replaced" ] || mv "$work/replaced" "$target"
    fail "the installed ${program##*/} does not run here (its words are above)."
  }
  ln --symbolic "${target##*/}" "$work/current"
  mv --no-target-directory "$work/current" "$base/current"
}

# All that use_suites and what comes after it build on, for what a message calls $1.
begin_installation() {
  need_tools "$1"
  architecture=$(dpkg --print-architecture)
  triplet "$architecture" >/dev/null || fail "this script knows amd64 and arm64, not $architecture."
  keyring=$(keyring) || fail 'the keys of the Debian archive are missing (apt-get install debian-archive-keyring).'
  mirror=$(mirror)
  work=$(mktemp -d "$base/.work.XXXXXXXX")
  trap 'rm -rf "$work"' EXIT
  prepare_apt
}

# Holds until no other process installs into $base; until this one ends, others wait.
lock_base() {
  mkdir -p "$base"
  exec 9>"$base/.lock"
  flock --nonblock 9 || { say "another process is installing into $base; waiting for it"; flock 9; }
}
