//! The units in a real systemd: the machine's own, started in namespaces over a copy of its tree that is thrown away.

use std::fs;
use std::process::{Command, Stdio};

use harness::{guest, skip};

use crate::{environment, until};

/// Starts systemd. `$1` is the place of the test, which it sees at `/place`; `$2` is the program. Nothing that it does
/// reaches the machine: its files are a layer in memory, its network is empty, and the kernel's settings are read-only.
const BOOT: &str = r#"set -e
place=$1; program=$2
mount --make-rprivate /
layer=$place/layer; mkdir "$layer"
mount -t tmpfs tmpfs "$layer"
mkdir "$layer"/{upper,work,root}
mount -t overlay overlay -o lowerdir=/,upperdir="$layer/upper",workdir="$layer/work" "$layer/root"
cd "$layer/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount --rbind /dev dev
for made in run tmp sys/fs/cgroup; do mount -t tmpfs tmpfs $made; done
mkdir sys/fs/cgroup/{unified,systemd}
mount -t cgroup2 cgroup2 sys/fs/cgroup/unified || true
mount -t cgroup -o none,name=systemd systemd sys/fs/cgroup/systemd
# Nothing but what the probe starts.
rm -rf usr/lib/systemd/system/*.target.wants etc/systemd/system/*.wants
mkdir -p place old usr/local/bin var/lib
mount --bind "$place" place
touch usr/local/bin/host
mount --bind "$program" usr/local/bin/host
mkdir -p srv/probe && cp place/host.toml place/mirror.wasm srv/probe
chown -R root:root srv/probe && chmod -R go-w srv/probe
cat >etc/systemd/system/probe.service <<END
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /place/probe.sh
StandardOutput=file:/place/said
StandardError=file:/place/said
END
printf '[Unit]\nDefaultDependencies=no\nRequires=probe.service\n' >etc/systemd/system/probe.target
pivot_root . old && umount -l old && cd /
touch /place/booted
export container=test
exec /lib/systemd/systemd --system --unit=probe.target --log-target=null
"#;

const PROBE: &str = r#"
exec 2>&1
ip link set lo up 2>/dev/null || true
config=/srv/probe/host.toml
(cd /place/www && exec python3 -m http.server 8000 --bind 127.0.0.1 >/dev/null 2>&1) &
until (exec 3<>/dev/tcp/127.0.0.1/8000) 2>/dev/null; do :; done
host() { /usr/local/bin/host "$@" --config $config; }
host install systemd --yes | tail -n 2
mkdir /etc/systemd/system/host-prices.service.d
printf '[Service]\nStandardOutput=append:/run/log\nStandardError=append:/run/log\n' \
    >/etc/systemd/system/host-prices.service.d/own.conf
systemctl daemon-reload
systemctl is-active host-prices.timer host-watch.timer
systemctl show --property=DynamicUser --property=RestrictSUIDSGID host-prices.service
systemctl start host-prices.service; echo "first: $?"
systemctl start host-prices.service; echo "second: $?"
systemctl start host-watch.service; echo "watch: $?"
cat /run/log
owner=$(stat -L --format=%u /var/lib/host-of-a-test/landing/prices)
((owner >= 61184 && owner <= 65519)) && echo "landed as a user of systemd's"
host verify --read-data
host install systemd --yes
host uninstall systemd --yes | tail -n 1
ls /etc/systemd/system | grep -c '^host-.*[er]$'
ls /var/lib/host-of-a-test/landing

# The same by a user's own systemd.
home=/srv/home; run=/run/user/1
install -d -o daemon $home $run
sed -e "s,/var/lib/host-of-a-test,$home," $config >$home/host.toml
cp /srv/probe/mirror.wasm $home && chown daemon $home/*
config=$home/host.toml
systemd-run --quiet --unit=user-manager -p User=daemon -p Delegate=yes -p Type=notify \
    -E HOME=$home -E XDG_RUNTIME_DIR=$run /lib/systemd/systemd --user
own() { setpriv --reuid daemon --regid daemon --clear-groups env HOME=$home XDG_RUNTIME_DIR=$run "$@"; }
own /usr/local/bin/host install systemd --user --yes --config $config | tail -n 1
own systemctl --user start host-prices.service; echo "own: $?"
own systemctl --user is-active host-prices.timer
ls $home/landing
own /usr/local/bin/host uninstall systemd --user --yes --config $config | tail -n 1
touch /place/done
"#;

#[test]
fn extractors_run_as_a_user_that_systemd_makes_and_as_ones_own() {
    if !super::installed("systemctl") {
        return;
    }
    let environment = environment();
    let place = environment.path();
    environment.write(
        "host.toml",
        "[defaults]\nlanding = \"/var/lib/host-of-a-test/landing\"\n[extractor.prices]\ncomponent = \"mirror.wasm\"\n\
         schedule = \"0 0 1 1 *\"\nhttp = [\"http://127.0.0.1:8000\"]\nparam = { url = \"http://127.0.0.1:8000/a.csv\" }\n",
    );
    fs::copy(guest("mirror"), place.join("mirror.wasm")).expect("a component");
    environment.write("www/a.csv", "a,b\n1,2\n");
    environment.write("probe.sh", PROBE);
    let mut unshare = Command::new("unshare");
    unshare.args(["--kill-child", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup", "--", "bash"]);
    unshare.args(["-c", BOOT, "boot"]).arg(place).arg(crate::program());
    let log = fs::File::create(place.join("boot.log")).expect("a file");
    unshare.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut systemd = unshare.spawn().expect("unshare");
    let (booted, done) = (place.join("booted"), place.join("done"));
    until(&mut systemd, |child| done.exists() || child.try_wait().expect("a child").is_some());
    let ended = systemd.try_wait().expect("a child");
    // With it everything in its namespaces ends.
    systemd.kill().expect("a signal");
    systemd.wait().expect("a child");
    if !booted.exists() {
        let why = fs::read_to_string(place.join("boot.log")).unwrap_or_default();
        skip::not_allowed(format_args!("systemd cannot be started in namespaces of its own: {why}"));
        return;
    }
    let said = fs::read_to_string(place.join("said")).unwrap_or_default();
    assert!(ended.is_none(), "systemd ended: {said}");
    for line in [
        "did `systemctl enable --now host-prices.timer host-watch.timer`\n",
        "\nactive\nactive\n",
        "\nDynamicUser=yes\n",
        "\nRestrictSUIDSGID=yes\n",
        "\nfirst: 0\nsecond: 0\nwatch: 0\n",
        "prices run 1: success, 1 new",
        "prices run 2: success, nothing new, 1 unchanged",
        "\nlanded as a user of systemd's\n",
        ", nothing wrong\ninstalled already; nothing to change\ndid `systemctl daemon-reload`\n",
        // The drop-in is the operator's, and what landed stays.
        "\n0\nprices\n",
        "did `systemctl --user enable --now host-prices.timer host-watch.timer`\nown: 0\nactive\nprices\n",
        "\ndid `systemctl --user daemon-reload`\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}
