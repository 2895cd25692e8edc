#!/bin/sh
# Build etcd, kube-apiserver, kube-scheduler and kubectl with the plain Go client, once per machine:
#
#   ${XDG_CACHE_HOME:-$HOME/.cache}/trimtab/control-plane/<hash of go.mod and go.sum>-<system>-<machine>/
#
# Nothing to do when that folder is there, or when KUBEBUILDER_ASSETS holds all four. Six to seven minutes the first time on two cores.
# Without Go: says so and ends well, so that the tests can say that they are skipped; but with CI or TRIMTAB_CONTROL_PLANE=require
# set it fetches a Go, or fails.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
binaries='etcd kube-apiserver kube-scheduler kubectl'

holds_all() {
    for binary in $binaries; do
        [ -x "$1/$binary" ] || return 1
    done
}

[ -z "${KUBEBUILDER_ASSETS-}" ] || ! holds_all "$KUBEBUILDER_ASSETS" || exit 0
key=$(cat "$here/go/go.mod" "$here/go/go.sum" | sha256sum | cut -c1-16)
target=${XDG_CACHE_HOME:-$HOME/.cache}/trimtab/control-plane/$key-$(uname -s)-$(uname -m)
! holds_all "$target" || exit 0

required=
[ -z "${CI-}" ] && [ "${TRIMTAB_CONTROL_PLANE-}" != require ] || required=--fetch
if ! "$root/tools/with-go" $required true; then
    if [ -n "$required" ]; then
        echo 'Control plane: Go 1.26 or newer is neither here nor to be had, so the e2e tests cannot run' >&2
        exit 1
    fi
    echo 'Control plane: no Go 1.26 or newer here, so the e2e tests will be skipped (make e2e fetches a Go and builds)' >&2
    exit 0
fi

echo "Control plane: building $binaries (once per machine, about seven minutes on two cores)"
mkdir -p "$(dirname "$target")"
building=$(mktemp -d "$target.building.XXXXXX")
trap 'rm -rf "$building"' EXIT
trap 'exit 1' HUP INT TERM
cd "$here/go"
# Flags of the machine's own Go set-up would change what is built here.
unset GOFLAGS
version=$("$root/tools/with-go" go list -mod=readonly -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.}
set_version=k8s.io/component-base/version
ldflags="-s -w -X $set_version.gitVersion=$version -X $set_version.gitMajor=1 -X $set_version.gitMinor=${minor%%.*}"
for binary in $binaries; do
    case $binary in
    etcd) package=go.etcd.io/etcd/server/v3 ;;
    *) package=k8s.io/kubernetes/cmd/$binary ;;
    esac
    "$root/tools/with-go" go build -mod=readonly -trimpath -buildvcs=false -ldflags "$ldflags" -o "$building/$binary" "$package"
    echo "Control plane: $binary is built"
done
chmod 755 "$building"
# Another build may have been faster; then its folder stays.
mv -T "$building" "$target" 2>/dev/null || holds_all "$target"
