package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** Every 10 seconds and local file system, from statvfs(3). */
@Name("pitot.HostFileSystem")
@Label("Host File System")
@Category({"Pitot", "Host"})
@Description("How full one file system is")
@StackTrace(false)
public final class HostFileSystem extends Event {
    @Label("Mount Point")
    @Description("Where it is mounted")
    public @Nullable String mount;

    @Label("Device")
    @Description("What is mounted")
    public @Nullable String device;

    @Label("Type")
    @Description("ext4, xfs, overlay and so on")
    public @Nullable String type;

    @Label("Total")
    @Description("Size")
    @DataAmount
    public long total = Long.MIN_VALUE;

    @Label("Used")
    @Description("In use")
    @DataAmount
    public long used = Long.MIN_VALUE;

    @Label("Available")
    @Description("What programs without privilege may still use")
    @DataAmount
    public long available = Long.MIN_VALUE;
}
