package dev.pitot.web.jfr;

/** The bytes are not a flight recording, or not one within the {@link Limits}. The message says what is wrong. */
public class JfrFormatException extends Exception {
    private static final long serialVersionUID = 1L;

    private final long offset;

    /**
     * @param what what is malformed, without the offset
     * @param offset bytes from the start of the chunk, or -1 for a place in a constant that was read earlier
     */
    public JfrFormatException(String what, long offset) {
        super(offset < 0 ? what : what + " (at offset " + offset + " of the chunk)");
        this.offset = offset;
    }

    /** Where in the chunk, in bytes from its start; -1 when it lies in a constant that was read earlier. */
    public long offset() {
        return offset;
    }
}
