# shellcheck shell=bash
# What examples/run, tests/run and .ci/run share: install what is missing, lock, configure, build.
# It talks on standard error and reads nothing: both other streams belong to the programs.

unset CDPATH
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
packages=(g++ cmake make libxtensor-dev libxtensor-blas-dev libxsimd-dev libopenblas-dev nlohmann-json3-dev libcli11-dev)
absent=()

# stop CODE LINE...: the end, with one line each
stop() {
  local code=$1
  shift
  printf '%s\n' "$@" >&2
  exit "$code"
}

has() { command -v "$1" >/dev/null; }

# installed PACKAGE: a tool may come from anywhere, a library is asked of dpkg
installed() {
  local compiler=${CXX:-c++}
  case $1 in
    g++) has "$compiler" || has "${compiler%% *}" ;; # which may have options
    make) has ninja || has make ;;
    gnuplot-nox) has gnuplot ;;
    librsvg2-bin) has rsvg-convert ;;
    libopenmpi-dev) has mpicxx ;;
    openmpi-bin) has mpirun ;;
    cmake | clang | clang-format | shellcheck | pkg-config) has "$1" ;;
    *) [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
  esac
}

# install_missing [PACKAGE...]: what every build needs, and these; configure() says what is missing where apt-get cannot
install_missing() {
  local package apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
  has dpkg-query && has apt-get || return 0
  absent=()
  for package in "${packages[@]}" "$@"; do
    installed "$package" || absent+=("$package")
  done
  ((${#absent[@]})) || return 0
  if ((EUID != 0)); then
    has sudo || return 0
    # Without a terminal nobody can type a password.
    if [ -t 0 ]; then apt=(sudo "${apt[@]}"); else apt=(sudo -n "${apt[@]}"); fi
  fi
  echo "installing ${absent[*]}" >&2
  local output
  if output=$({ "${apt[@]}" update || true; "${apt[@]}" install -y --no-install-recommends "${absent[@]}"; } 2>&1 </dev/null); then
    absent=()
  else
    printf '%s\n' "$output" >&2
  fi
}

# lock PRESET: waits for whatever else builds in build/PRESET, and keeps others out until this shell ends.
# What is started meanwhile must not inherit the descriptor: a compiler cache's server would keep the lock.
lock() {
  has flock || return 0
  mkdir -p "$root/build/$1"
  exec 9>"$root/build/$1/lock"
  if flock -n 9; then return 0; fi
  echo "waiting for another build in build/$1" >&2
  flock 9
}

# configure PRESET [-DNAME=VALUE...]: into build/PRESET
configure() {
  local output='' cache=$root/build/$1/CMakeCache.txt
  # A build directory that was moved or copied here would build the tree it came from.
  if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
    rm -rf "$cache" "${cache%/*}/CMakeFiles"
  fi
  # A build directory keeps the generator that it was made with.
  if [ -z "${CMAKE_GENERATOR:-}" ] && [ ! -f "$cache" ] && has ninja; then export CMAKE_GENERATOR=Ninja; fi
  if has cmake && output=$(cd "$root" && cmake --preset "$@" 2>&1 </dev/null 9>&-); then return 0; fi
  if ((${#absent[@]})); then
    stop 2 "missing: ${absent[*]}" "install as root: apt-get update && apt-get install ${absent[*]}"
  fi
  stop 2 ${output:+"$output"} "unroll needs a C++20 compiler, CMake 3.25, make or ninja, and the libraries xtensor 0.24, xtensor-blas, xsimd," \
    "OpenBLAS, nlohmann-json and CLI11; its tests need doctest. Where there is no apt-get, for example:" \
    "  conda install -c conda-forge cxx-compiler cmake make xtensor xtensor-blas xsimd openblas nlohmann_json cli11 doctest"
}

# configured PRESET: whether build/PRESET is ready to build from this tree
configured() {
  local directory=$root/build/$1
  { [ -f "$directory/build.ninja" ] || [ -f "$directory/Makefile" ]; } &&
    grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$directory/CMakeCache.txt"
}

step='^\[ *[0-9]+(%|/[0-9]+)\] '

# progress: shows the steps among a build's lines, on a terminal each in the place of the one before
progress() {
  local line
  while IFS= read -r line; do
    [[ $line =~ $step(Building|Linking) ]] || continue
    line=${line/Building CXX object /}
    line=${line/Linking CXX /}
    line=${line/CMakeFiles\/*.dir\//}
    if [ -t 2 ]; then printf '\r\033[K%.79s' "$line"; else printf '%s\n' "$line"; fi
  done >&2
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}

# build PRESET TARGET [-DNAME=VALUE...]: silent when all is up to date; the compiler's words when it fails or warns. Without
# options it configures only what is not configured.
build() (
  preset=$1 target=$2 directory=$root/build/$1 log=$root/build/$1/build.log status=0
  shift 2
  lock "$preset"
  if (($#)); then
    configure "$preset" "$@"
  elif ! configured "$preset"; then
    configure "$preset" -DUNROLL_TESTS=OFF
  fi
  cmake --build "$directory" --target "$target" --parallel "$(nproc || getconf _NPROCESSORS_ONLN || echo 1)" 2>&1 </dev/null 9>&- |
    tee "$log" | progress || status=1
  if ((status)) || grep -q 'warning:' "$log"; then grep -vE "$step|^make" "$log" >&2 || true; fi
  ((status == 0)) || stop 1 "building $target failed; the whole output is in $log"
)
