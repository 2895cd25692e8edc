#!/bin/sh
# ./build-local.sh TOOL: makes what this checkout needs, once, and bin/TOOL, which starts that tool from it.
set -eu
root=$(cd "$(dirname "$0")" && pwd)
tools='tenant-resource-manager scheduler-audit-analyzer scheduler-visualizer heatmap-generator performance-analyzer scheduler-analyzer'
tool=${1-}
case " $tools " in
*" $tool "*) [ -n "$tool" ] && [ $# -eq 1 ] ;;
*) false ;;
esac || {
    echo "usage: ./build-local.sh TOOL, one of: $tools" >&2
    exit 2
}
"$root/.venv/bin/python" -c 'import duckdb, starlette' 2>/dev/null || make -C "$root" setup
[ -f "$root/analytics/ui/dist/index.html" ] || make -C "$root" ui
mkdir -p "$root/bin"
cat >"$root/bin/$tool" <<'WRAPPER'
#!/bin/sh
# Made by build-local.sh.
root=$(cd "$(dirname "$0")/.." && pwd)
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$root/.venv/bin/python" -m analytics.programs "$(basename "$0")" "$@"
WRAPPER
chmod 755 "$root/bin/$tool"
echo "bin/$tool is ready"
