#!/usr/bin/env bash
# Ranks on a network of this rate, each in a network namespace of its own, joined by a bridge:
#
#   sudo RATE=1gbit tests/peers/ranks_network.sh 2 target/release/trainyard bench ranks CONFIG --vocab 8192
#
# Needs root, iproute2 and an MPICH whose mpiexec.hydra is named in MPIEXEC or installed by scripts/language-tools.sh.
# Shared memory is off; the bytes that the first rank's interface has sent and received are the last line.
set -euo pipefail
cd "$(dirname "$0")/../.."

n=$1
shift
mpiexec=${MPIEXEC:-target/tools/venv/bin/mpiexec.hydra}
spaces=(trainyard-switch)
for i in $(seq "$n"); do spaces+=("trainyard-$i"); done
remove() { for space in "${spaces[@]}"; do ip netns del "$space" 2> /dev/null || true; done; }
remove
trap remove EXIT

ip netns add trainyard-switch
ip -n trainyard-switch link add name bridge0 type bridge
ip -n trainyard-switch link set bridge0 up
hosts=
for i in $(seq "$n"); do
    space=trainyard-$i
    ip netns add "$space"
    ip -n "$space" link add name e0 type veth peer name "port$i" netns trainyard-switch
    ip -n "$space" addr add "10.77.0.$i/24" dev e0
    ip -n "$space" link set e0 up
    ip -n "$space" link set lo up
    ip -n trainyard-switch link set "port$i" master bridge0
    ip -n trainyard-switch link set "port$i" up
    ip netns exec "$space" tc qdisc add dev e0 root tbf rate "${RATE:-1gbit}" burst 256kb latency 50ms
    hosts+=${hosts:+,}10.77.0.$i
done

# in place of ssh: the host's number is that of its namespace
shell=$(mktemp)
trap 'remove; rm -f "$shell"' EXIT
cat > "$shell" << 'END'
#!/bin/bash
while [[ $1 == -* ]]; do shift; done
host=$1
shift
exec ip netns exec "trainyard-${host##*.}" bash -c "$*"
END
chmod +x "$shell"
ip netns exec trainyard-1 "$mpiexec" -hosts "$hosts" -launcher ssh -launcher-exec "$shell" -n "$n" \
    -genv MPIR_CVAR_CH4_NETMOD ofi -genv FI_PROVIDER tcp -genv FI_TCP_IFACE e0 -genv MPIR_CVAR_NOLOCAL 1 "$@"
ip -n trainyard-1 -s -j link show e0 |
    sed 's/.*"rx":{"bytes":\([0-9]*\).*"tx":{"bytes":\([0-9]*\).*/interface of rank 0: \2 bytes sent, \1 received/'
