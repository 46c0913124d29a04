# The first process of a host of the test's own: namespaces of util-linux, in which a real sshd and a real
# dockerd run. What a host has on its disk lies in memory here, and goes with it.
#
# Arguments: the host's name, the folder with its keys, the cgroup of its containers. It ends, and all with
# it, when standard input does.
set -eu
kept=$2
# Namespaces are made: others can connect its network.
echo made
for folder in /run /var/lib/docker /var/lib/containerd /var/lib/clws /var/log /home /mnt; do
    mkdir -p "$folder"
done
mount -t tmpfs -o mode=0755 run /run
mkdir -p /run/sshd /run/host
cp "$kept"/* /run/host
chmod 0600 /run/host/host_key
for folder in /var/lib/docker /var/lib/containerd /var/lib/clws /var/log /home /mnt; do
    mount -t tmpfs -o mode=0755 disk "$folder"
done
for folder in /tmp /dev/shm; do
    mount -t tmpfs -o mode=1777 shared "$folder"
done
hostname "$1"
ip link set lo up

# Who deploys is a person of the host who may speak to the daemon, and is not root.
cat >/run/host/passwd <<'END'
root:x:0:0::/root:/bin/sh
sshd:*:100:65534::/run/sshd:/bin/false
azureuser:*:1000:1000::/home/azureuser:/bin/sh
nobody:*:65534:65534::/nonexistent:/bin/false
END
printf 'root:x:0:\ndocker:x:900:azureuser\nazureuser:x:1000:\nnogroup:x:65534:\n' >/run/host/group
for file in passwd group; do
    mount --bind "/run/host/$file" "/etc/$file"
done
# Made by whoever set the host up.
mkdir -p /home/azureuser/codalab/home /home/azureuser/codalab/bundles /home/azureuser/codalab/monitor \
    /home/azureuser/codalab/mysql /mnt/scratch/bundles
chown -R 1000:1000 /home/azureuser /mnt/scratch

cat >/run/host/sshd_config <<'END'
HostKey /run/host/host_key
AuthorizedKeysFile /run/host/authorized_keys
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PidFile none
LogLevel DEBUG3
MaxStartups 100
END
/usr/sbin/sshd -D -f /run/host/sshd_config -E /var/log/sshd.log &
echo '{}' >/run/host/daemon.json
dockerd --config-file /run/host/daemon.json --data-root /var/lib/docker --group docker --debug \
    --cgroup-parent "$3" --dns 10.0.1.1 >/var/log/dockerd.log 2>&1 &
for _ in $(seq 600); do
    if [ -S /run/docker.sock ] && docker version >/dev/null 2>&1; then
        echo ready
        exec cat
    fi
    sleep 0.1
done
tail -n 5 /var/log/dockerd.log >&2
exit 1
