package dev.pitot.web.peers;

import java.net.URI;
import java.util.UUID;

/**
 * Another collector on the same database.
 *
 * @param address {@code http://host:port}, as it says it can be reached
 * @param secret what it wants to be shown by who reads its memory
 */
record Peer(UUID id, URI address, String secret) {
    String authorization() {
        return "Bearer " + secret;
    }

    @Override
    public String toString() {
        return "Peer[" + address + "]";
    }
}
