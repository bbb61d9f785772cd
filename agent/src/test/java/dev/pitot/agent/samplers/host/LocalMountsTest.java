package dev.pitot.agent.samplers.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalMountsTest {
    private static final String ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n";

    @TempDir
    Path folder;

    private List<String> paths(String mountinfo) throws Exception {
        return mounts(mountinfo).stream().map(LocalMounts.Mount::path).toList();
    }

    private List<LocalMounts.Mount> mounts(String mountinfo) throws Exception {
        Text text = new Text();
        Path file = Files.writeString(folder.resolve("mountinfo"), mountinfo);
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "r")) {
            text.fill(open);
        }
        return LocalMounts.in(text);
    }

    @Test
    void localFileSystemsAreAskedAndNetworkUserSpaceAndKernelOnesAreNot() throws Exception {
        assertThat(mounts("""
                        22 27 0:21 / /proc rw,relatime - proc proc rw
                        24 27 0:6 / /dev rw,relatime - devtmpfs devtmpfs rw,size=12334556k
                        25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw
                        27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
                        40 27 8:1 / /data\\040one rw,relatime shared:9 - xfs /dev/sda1 rw
                        41 27 0:50 / /home rw - nfs4 server:/home rw
                        42 27 0:51 / /win rw - cifs //server/share rw
                        43 27 0:52 / /cloud rw - fuse.sshfs me@there: rw
                        44 27 0:53 / /run rw - tmpfs tmpfs rw
                        45 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
                        """))
                .containsExactly(
                        new LocalMounts.Mount("/dev/shm", "tmpfs", "tmpfs"),
                        new LocalMounts.Mount("/", "/dev/vda", "ext4"),
                        new LocalMounts.Mount("/data one", "/dev/sda1", "xfs"));
    }

    @Test
    void aPathThatLeadsThroughANetworkFileSystemOrIsCoveredByOneIsNotAsked() throws Exception {
        assertThat(paths(ROOT
                        + "41 27 0:50 / /net rw - nfs4 server:/ rw\n42 41 8:1 / /net/disk rw - ext4 /dev/sda1 rw\n"))
                .containsExactly("/");
        assertThat(paths(ROOT
                        + "42 27 8:1 / /data/disk rw - ext4 /dev/sda1 rw\n43 27 0:50 / /data rw - nfs4 server:/ rw\n"))
                .containsExactly("/");
        assertThat(paths(ROOT + "42 27 8:1 / /data rw - ext4 /dev/sda1 rw\n43 42 0:50 / /data rw - fuse.x y rw\n"))
                .containsExactly("/");
        assertThat(paths(ROOT
                        + "41 27 0:50 / /data rw - autofs systemd-1 rw\n42 41 8:1 / /data rw - ext4 /dev/sda1 rw\n"))
                .containsExactly("/");
        // A name that only begins alike is another folder.
        assertThat(paths(
                        ROOT + "41 27 0:50 / /data rw - nfs4 server:/ rw\n42 27 8:1 / /data2 rw - ext4 /dev/sda1 rw\n"))
                .containsExactly("/", "/data2");
        // A local one over a local one: only the upper one can be seen.
        assertThat(mounts(ROOT + "41 27 8:1 / /data rw - ext4 /dev/sda1 rw\n42 41 8:2 / /data rw - xfs /dev/sdb1 rw\n"))
                .extracting(LocalMounts.Mount::type)
                .containsExactly("ext4", "xfs");
        // What counts is what is mounted on what, not the order of the lines.
        assertThat(paths("42 43 8:1 / /data/disk rw - ext4 /dev/sda1 rw\n43 27 8:2 / /data rw - xfs /dev/sdb1 rw\n"
                        + ROOT))
                .containsExactly("/data/disk", "/data", "/");
    }

    @Test
    void bindMountsOfOneDeviceAreAskedOnceWhereAllOfItIsMounted() throws Exception {
        assertThat(paths(
                        "50 27 8:1 /etc/a /a rw - ext4 /dev/sda1 rw\n51 27 8:1 / /whole/device rw - ext4 /dev/sda1 rw\n"
                                + "52 27 8:1 /etc/b /b rw - ext4 /dev/sda1 rw\n"))
                .containsExactly("/whole/device");
        assertThat(
                        paths(
                                "50 27 8:1 /x /etc/resolv.conf rw - ext4 /dev/sda1 rw\n51 27 8:1 /y /etc/hosts rw - ext4 /dev/sda1 rw\n"))
                .containsExactly("/etc/hosts");
    }

    @Test
    void ofContainersOnlyTheOwnRootIsAsked() throws Exception {
        String other = "60 27 0:70 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,lowerdir=/a\n";
        assertThat(paths(ROOT + other)).containsExactly("/");
        assertThat(paths("60 27 0:70 / / rw - overlay overlay rw,lowerdir=/a\n"))
                .containsExactly("/");
    }

    @Test
    void thereAre32AtMostAndNoneOfAListThatIsTooLong() throws Exception {
        StringBuilder many = new StringBuilder(ROOT);
        for (int i = 0; i < 100; i++) {
            many.append("50 27 8:").append(i).append(" / /d").append(i).append(" rw - ext4 /dev/x rw\n");
        }
        assertThat(paths(many.toString())).hasSize(32);
        while (many.length() <= Text.LIMIT) {
            many.append(many.substring(0, many.length()));
        }
        assertThat(paths(many.toString())).isEmpty();
    }
}
