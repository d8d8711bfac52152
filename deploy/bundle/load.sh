#!/bin/sh
# Loads the images of this bundle behind an air gap. Needs no network but that of your own registry.
#   ./load.sh skopeo harbor.his:8443/yibao     copies them into a registry (no engine needed; login: skopeo login harbor.his:8443)
#   ./load.sh docker | nerdctl | ctr           loads them into the engine of this machine
#   ./load.sh docker harbor.his:8443/yibao     … and pushes them from there; likewise nerdctl and ctr
# Further words for the program stand in LOAD_ARGS, such as --dest-cert-dir=… or --dest-tls-verify=false of skopeo, -u name:password of ctr.
# ctr loads for Kubernetes, namespace k8s.io; CONTAINERD_NAMESPACE names another. Checksums are looked at first.
set -eu
cd "$(dirname "$0")"
by=${1:-}
registry=${2:-}

refuse() {
    echo "error: $1" >&2
    exit 2
}

case $by in
    skopeo) [ -n "$registry" ] || refuse "skopeo copies into a registry: ./load.sh skopeo HOST/PROJECT" ;;
    docker | nerdctl | ctr) ;;
    *) refuse "./load.sh skopeo HOST/PROJECT, or ./load.sh docker|nerdctl|ctr [HOST/PROJECT]" ;;
esac
command -v "$by" >/dev/null || refuse "$by is not on this machine"
sha256sum --quiet -c SHA256SUMS || { echo "error: this bundle is not what was packed: copy it anew" >&2; exit 1; }
namespace=${CONTAINERD_NAMESPACE:-k8s.io}

while read -r archive image; do
    case $by in
        skopeo)
            # Several words are meant.
            # shellcheck disable=SC2086
            skopeo copy ${LOAD_ARGS:-} "docker-archive:$archive" "docker://$registry/$image"
            ;;
        ctr)
            ctr --namespace "$namespace" images import "$archive"
            if [ -n "$registry" ]; then
                # The name that an import gives to what has no host of its own.
                loaded=$(ctr --namespace "$namespace" images list -q | grep -F "/$image" | head -n 1)
                ctr --namespace "$namespace" images tag --force "$loaded" "$registry/$image"
                # shellcheck disable=SC2086
                ctr --namespace "$namespace" images push ${LOAD_ARGS:-} "$registry/$image"
            fi
            ;;
        *)
            "$by" load -i "$archive"
            if [ -n "$registry" ]; then
                "$by" tag "$image" "$registry/$image"
                # shellcheck disable=SC2086
                "$by" push ${LOAD_ARGS:-} "$registry/$image"
            fi
            ;;
    esac
    echo "$image: loaded${registry:+, $registry/$image}"
done < images/images.txt
