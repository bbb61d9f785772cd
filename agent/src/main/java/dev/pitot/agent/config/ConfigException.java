package dev.pitot.agent.config;

/** A key or value that the agent refuses; the message is one sentence for a person and holds no secret. */
public final class ConfigException extends Exception {
    public ConfigException(String message) {
        super(message);
    }
}
