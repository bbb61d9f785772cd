/*
 * The floor under a group read: opens software events as one group on itself, as the agent does, and prints how many nanoseconds
 * of CPU time one read(2) of it takes, the mean of each of five loops. Another thread sleeps, as some always do in a JVM: in a process of
 * one the kernel gets at a file without counting its users. Arguments: loops of how many reads, then the config of each event.
 */
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void *sleep_on(void *nothing) {
    pause();
    return nothing;
}

int main(int argc, char **argv) {
    long reads = atol(argv[1]);
    int events = argc - 2;
    int leader = -1;
    unsigned long long buffer[3 + 2 * 16];
    for (int i = 0; i < events; i++) {
        struct perf_event_attr attr;
        memset(&attr, 0, sizeof attr);
        attr.size = sizeof attr;
        attr.type = PERF_TYPE_SOFTWARE;
        attr.config = strtoull(argv[2 + i], 0, 0);
        attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_ID | PERF_FORMAT_GROUP;
        int fd = syscall(SYS_perf_event_open, &attr, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
        if (fd < 0) {
            perror("perf_event_open");
            return 1;
        }
        if (leader < 0) leader = fd;
    }
    pthread_t sleeper;
    if (pthread_create(&sleeper, 0, sleep_on, 0)) return 1;
    size_t bytes = 24 + 16 * events;
    for (int loop = 0; loop < 6; loop++) {
        double start = now();
        for (long i = 0; i < reads; i++) {
            if (read(leader, buffer, bytes) != (ssize_t) bytes) {
                perror("read");
                return 1;
            }
        }
        if (loop > 0) printf("%.1f\n", (now() - start) / reads);
    }
    return 0;
}
