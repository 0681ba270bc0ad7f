#!/usr/bin/env bash
# Builds the program of the image: static, stripped, the same bytes wherever it is built with the same
# Rust and C compilers. Run it from anywhere.
#
#   bash deploy/container/build.sh DIRECTORY       puts verifik-gateway there
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: build.sh DIRECTORY" >&2; exit 64; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
root=$PWD
cargo_home=${CARGO_HOME:-$HOME/.cargo}
host=$(rustc --version --verbose | sed -n 's/^host: //p')

# Where it was built must not show: neither in the bytes nor to whoever looks into them. The C library is
# linked in, so that the image needs none.
export CARGO_INCREMENTAL=0 SOURCE_DATE_EPOCH=0
# Random numbers are asked of the kernel by its call: in a static program the crate would not find it, and
# look for /dev/urandom, which an empty root does not have.
export RUSTFLAGS="--cfg getrandom_backend=\"linux_getrandom\" -C target-feature=+crt-static --remap-path-prefix=$root=/src --remap-path-prefix=$cargo_home=/cargo"
export CFLAGS="-ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$root=/src"
export CARGO_PROFILE_RELEASE_DEBUG=none CARGO_PROFILE_RELEASE_STRIP=symbols

# With --target the flags are for the program alone, and not for what runs while it is built.
cargo build --locked --release --bin verifik-gateway --target "$host" --target-dir target/static
install -m 0755 "target/static/$host/release/verifik-gateway" "$out/verifik-gateway"

# A program with an interpreter would start here and in no empty root.
if readelf --program-headers --wide "$out/verifik-gateway" | grep -q INTERP; then
    echo "build.sh: the program is not static" >&2
    exit 1
fi
