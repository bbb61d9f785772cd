#!/bin/sh
# Builds in this folder what a guest boots: vmlinuz, initrd.gz and root.img, from Debian's arm64 packages and the two init
# scripts that lie beside this one. Nothing is installed on the host, and nothing outside the folder is written.
set -eu
PATH=$PATH:/usr/sbin:/sbin
keys=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -f "$keys" ]; then signed="[signed-by=$keys] "; else signed=; fi

# An apt of its own for arm64, with the Debian sources of the host and their keys.
mkdir -p apt/state/lists/partial apt/cache/archives/partial apt/etc debs root
: > apt/state/status
apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sed -n "s|^Debian |deb $signed|p" | sort -u > apt/etc/sources.list
if [ ! -s apt/etc/sources.list ]; then
    echo 'apt knows no Debian source; run apt-get update' >&2
    exit 1
fi
cat > apt/apt.conf <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "$PWD/apt/state";
Dir::State::status "$PWD/apt/state/status";
Dir::Cache "$PWD/apt/cache";
Dir::Etc::sourcelist "$PWD/apt/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
CONF
export APT_CONFIG="$PWD/apt/apt.conf"
apt-get -q update
kernel=$(apt-cache depends linux-image-cloud-arm64 | sed -n 's/^ *Depends: //p')
(cd debs && apt-get -q download "$kernel" busybox-static openjdk-17-jre-headless libc6 libgcc-s1 libstdc++6 zlib1g)

# The root file system: Java, the C library and busybox.
for deb in debs/*.deb; do
    case $deb in
        debs/linux-image*) dpkg -x "$deb" kernel ;;
        *) dpkg -x "$deb" root ;;
    esac
done
mkdir -p root/proc root/sys root/dev root/tmp root/job root/etc
for name in sh cat cp echo env id ifconfig ls mkdir mount poweroff rm sed sleep su sync sysctl tar; do
    ln -sf busybox "root/bin/$name"
done
ln -s /usr/lib/jvm/java-17-openjdk-arm64/bin/java root/bin/java
printf 'root:x:0:0:root:/job:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n' > root/etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\n' > root/etc/group
printf '127.0.0.1 localhost\n' > root/etc/hosts
rm -rf root/usr/share/doc root/usr/share/man root/usr/share/locale
cp init root/init
chmod 755 root/init
mke2fs -q -F -t ext4 -O ^has_journal -E root_owner=0:0 -m 0 -d root root.img "$(($(du -sm root | cut -f1) + 64))M"

# The initrd: busybox and the drivers of a virtio disk, in the order in which they need each other.
mkdir -p initrd/bin initrd/modules initrd/dev initrd/proc initrd/mnt
cp root/bin/busybox initrd/bin/busybox
n=0
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
    n=$((n + 1))
    cp "$(find kernel/lib/modules -name "$module.ko")" "initrd/modules/$n.ko"
done
cp initrd-init initrd/init
chmod 755 initrd/init
(cd initrd && find . | cpio -o -H newc --quiet | gzip) > initrd.gz
cp kernel/boot/vmlinuz-* vmlinuz
rm -rf apt debs root kernel initrd image.sh init initrd-init
