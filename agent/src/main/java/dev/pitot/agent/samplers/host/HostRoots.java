package dev.pitot.agent.samplers.host;

/** The folders that the kernel shows itself in, without a slash at the end. */
record HostRoots(String proc, String sys, String cgroup) {
    static final HostRoots OF_THE_KERNEL = new HostRoots("/proc", "/sys", "/sys/fs/cgroup");
}
