//! The Debian package: installed, run, upgraded and purged beside what the machine has, in a copy of it that is thrown away.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::{Environment, Origin, Ran, Reply, guest, skip};

use crate::systemd::installed;
use crate::{environment, licences, others};

/// A root over the machine's own whose changes are in memory. `$1` is the place of the test, which is `/place` there.
const ENTER: &str = r#"set -e
place=$1
mount --make-rprivate /
mkdir "$place/layer"
mount -t tmpfs tmpfs "$place/layer"
mkdir "$place/layer"/{upper,work,root}
mount -t overlay overlay -o lowerdir=/,upperdir="$place/layer/upper",workdir="$place/layer/work" "$place/layer/root"
cd "$place/layer/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs tmp
mkdir place
mount --bind "$place" place
touch place/entered
cd /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 ORIGIN="$ORIGIN" RENEW="$RENEW" \
    chroot "$place/layer/root" /bin/bash -euxo pipefail /place/inside.sh
"#;

const INSIDE: &str = r#"
exec 2>&1
cd /root
doc=/usr/share/doc/landing-host
before=$(readlink -f "$(type -P host || true)" || true)
# The packages of an image may be set to leave out documentation.
install() { dpkg --path-include='/usr/share/*' --install "$1"; }
install /place/one/*.deb
landing-host --version | grep -qx 'landing-host 0.1.0'

# What the DNS tool is called is the DNS tool, and whoever wants the other one says so.
test "$(readlink -f "$(type -P host || true)" || true)" = "$before"
test ! -L /usr/bin/host && ! dpkg -S landing-host: /usr/bin/host 2>/dev/null
if dpkg -s bind9-host >/dev/null 2>&1; then dpkg -V bind9-host && host -V 2>&1 | grep -q '^host 9'; fi
PATH=/usr/lib/landing-host:$PATH host --version | grep -qx 'host 0.1.0'

# The licences of what is linked are there whole, and named where one looks for them.
gzip -dc $doc/THIRD-PARTY-LICENSES.gz | cmp - /place/licences
grep -q THIRD-PARTY-LICENSES.gz $doc/copyright

# The manual and the completions are where they are looked for.
gzip -dc /usr/share/man/man1/landing-host-run.1.gz | grep -q '^.TH landing-host-run 1'
if type man; then test "$(man -w landing-host-run)" = /usr/share/man/man1/landing-host-run.1.gz; fi
source /usr/share/bash-completion/completions/landing-host
complete -p landing-host
COMP_WORDS=(landing-host quar) COMP_CWORD=1 COMPREPLY=()
"$(complete -p landing-host | sed 's/.*-F \([^ ]*\).*/\1/')" landing-host quar landing-host
test "${COMPREPLY[*]}" = quarantine
if type zsh; then zsh -fc 'autoload -Uz compinit; compinit -u -d /tmp/z; print ${_comps[landing-host]}' | grep -qx _landing-host; fi

# The example is a configuration, and the units beside it are what the program writes for it.
mkdir /etc/host
cp $doc/examples/host.toml /etc/host/
landing-host config prices | grep -q /etc/host/host.toml
landing-host install systemd --root /tmp/units --yes
mkdir /place/units
cp /tmp/units/etc/systemd/system/* /place/units/
for unit in host-prices.service host-prices.timer host-watch.service host-watch.timer; do
    test -n "$RENEW" || diff $doc/examples/$unit /tmp/units/etc/systemd/system/$unit
done
if type systemd-analyze; then systemd-analyze verify --man=no /place/units/host-*; fi

# It runs.
sed -i "s,https://example.org,$ORIGIN," /etc/host/host.toml
landing-host run prices
landing-host run prices | grep -q 'nothing new, 1 unchanged'
find /var/lib/landing -type f | sort | xargs sha256sum >/tmp/landed
cp /etc/host/host.toml /tmp/before.toml

# A later one keeps the configuration and what has landed.
install /place/two/*.deb
landing-host --version
test "$(dpkg-query --show --showformat '${Version}' landing-host)" = 0.2.0-1
cmp /etc/host/host.toml /tmp/before.toml
landing-host runs | grep -c success
sha256sum --quiet --check <(grep -v state.sqlite /tmp/landed)

# Nothing of its own stays, and all of the user's.
dpkg --purge landing-host
test "$(dpkg-query --show --showformat '${Status}' landing-host 2>/dev/null)" = ''
test -z "$(find /usr /etc /var -name '*landing-host*' -not -path '/var/log/*')"
sha256sum --quiet --check <(grep -v state.sqlite /tmp/landed)
cmp /etc/host/host.toml /tmp/before.toml
echo all well
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Pack the program; where the package is. Its symbols, most of it, are left out.
fn packed(environment: &Environment, licences: &Path, folder: &str, version: &str) -> PathBuf {
    let program = environment.path().join("stripped");
    if !program.exists() {
        let strip = Command::new("strip").arg("-o").arg(&program).arg(crate::program()).status();
        assert!(strip.expect("strip").success());
    }
    let folder = environment.path().join(folder);
    let mut deb = Command::new(root().join(".ci/deb"));
    deb.arg(&program).arg("amd64").arg(guest("mirror")).arg(licences).arg(&folder);
    // The second that this was written in.
    deb.env("VERSION", version).env("COMPRESSION", "none").env("SOURCE_DATE_EPOCH", "1764000000");
    let output = deb.stdin(Stdio::null()).output().expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.join(format!("landing-host_{version}-1_amd64.deb"))
}

#[test]
fn a_package_is_installed_run_upgraded_and_purged_beside_the_dns_tool() {
    if !["dpkg-deb", "strip", "unshare"].into_iter().all(installed) {
        return;
    }
    if !others::is_root() {
        return skip::not_allowed("only root can install packages");
    }
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/prices.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    let Some(licences) = licences::file(&environment) else { return };
    let one = packed(&environment, &licences, "one", "0.1.0");
    let again = packed(&environment, &licences, "again", "0.1.0");
    assert!(fs::read(one).expect("a package") == fs::read(again).expect("a package"), "other bytes the second time");
    packed(&environment, &licences, "two", "0.2.0");

    environment.write("inside.sh", INSIDE);
    let place = environment.path();
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--pid", "--fork", "--kill-child", "bash", "-c", ENTER, "enter"]).arg(place);
    let renew = std::env::var("HOST_RENEW").unwrap_or_default();
    unshare.env("ORIGIN", origin.grant()).env("RENEW", &renew).stdin(Stdio::null());
    let ran = Ran::new(unshare.output().expect("unshare"));
    if !place.join("entered").exists() {
        return skip::not_allowed(format_args!("a machine to install it on cannot be made here: {}", ran.stderr));
    }
    assert!(ran.code == Some(0) && ran.stdout.ends_with("all well\n"), "{}{}", ran.stdout, ran.stderr);
    if !renew.is_empty() {
        for unit in fs::read_dir(place.join("units")).expect("units") {
            let unit = unit.expect("an entry");
            fs::copy(unit.path(), root().join(".ci/debian/examples").join(unit.file_name())).expect("a copy");
        }
    }
}
