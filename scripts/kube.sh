#!/usr/bin/env bash
# Prints the directory of a Kubernetes for the tests of the chart, after building its servers from test/kube/go.mod into .tools, which takes ten
# minutes or so, once for each version. All else goes to standard error.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(awk '$1 == "k8s.io/kubernetes" {print $2} $1 == "require" && $2 == "k8s.io/kubernetes" {print $3}' test/kube/go.mod)
into=$PWD/.tools/kubernetes-$version
if [ ! -x "$into/etcd" ]; then
  echo "building Kubernetes $version once, which takes ten minutes or so" >&2
  mkdir -p "$into"
  names="-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$version")"
  nice go -C test/kube build -trimpath -ldflags "-s -w $names" -o "$into/" k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager >&2
  nice go -C test/kube build -trimpath -ldflags '-s -w' -o "$into/etcd" go.etcd.io/etcd/server/v3 >&2
fi
echo "$into"
