package dev.pitot.agent.target;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.StringArray;

/**
 * Puts itself under a seccomp filter for perf_event_open and becomes the given command. Arguments: {@code kill}, {@code errno} or
 * {@code enosys}, then the command. See seccomp(2); structures of linux/filter.h.
 */
public final class FilterLauncher {
    private static final int PR_SET_SECCOMP = 22;
    private static final int PR_SET_NO_NEW_PRIVS = 38;
    private static final int SECCOMP_MODE_FILTER = 2;
    private static final int KILL_PROCESS = 0x80000000;
    private static final int ERRNO_EPERM = 0x00050001;
    private static final int ERRNO_ENOSYS = 0x00050026;
    private static final int ALLOW = 0x7fff0000;
    private static final int LOAD_WORD = 0x20;
    private static final int JUMP_IF_EQUAL = 0x15;
    private static final int RETURN = 0x06;

    private FilterLauncher() {}

    /** What of the C library is called. */
    public interface C extends Library {
        int prctl(int option, long a, Pointer b, long c, long d);

        int execv(String path, StringArray arguments);
    }

    public static void main(String[] args) {
        int call = System.getProperty("os.arch").equals("aarch64") ? 241 : 298;
        Memory program = new Memory(4 * 8);
        // The number of the system call is the first word of seccomp_data.
        instruction(program, 0, LOAD_WORD, 0, 0, 0);
        instruction(program, 1, JUMP_IF_EQUAL, 0, 1, call);
        int answer =
                switch (args[0]) {
                    case "kill" -> KILL_PROCESS;
                    case "enosys" -> ERRNO_ENOSYS;
                    default -> ERRNO_EPERM;
                };
        instruction(program, 2, RETURN, 0, 0, answer);
        instruction(program, 3, RETURN, 0, 0, ALLOW);
        Memory filter = new Memory(16);
        filter.clear();
        filter.setShort(0, (short) 4);
        filter.setPointer(8, program);
        C c = Native.load("c", C.class);
        if (c.prctl(PR_SET_NO_NEW_PRIVS, 1, Pointer.NULL, 0, 0) != 0
                || c.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0) != 0) {
            throw new IllegalStateException("no seccomp here");
        }
        String[] command = new String[args.length - 1];
        System.arraycopy(args, 1, command, 0, command.length);
        // The filter is that of the calling thread, which is the one that execv leaves.
        c.execv(command[0], new StringArray(command));
        throw new IllegalStateException("cannot execute " + command[0]);
    }

    private static void instruction(Memory program, int at, int code, int ifTrue, int ifFalse, int operand) {
        program.setShort(8L * at, (short) code);
        program.setByte(8L * at + 2, (byte) ifTrue);
        program.setByte(8L * at + 3, (byte) ifFalse);
        program.setInt(8L * at + 4, operand);
    }
}
