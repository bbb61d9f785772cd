package dev.pitot.web.store;

import java.io.FileNotFoundException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertificateExpiredException;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** Why a database could not be connected to and what to do about it, for a person: the driver's words name neither. */
final class ConnectFailure {
    private ConnectFailure() {}

    /** The end of "The database at … cannot be used …". */
    static String sentence(Throwable failure) {
        for (Throwable e = failure; e != null; e = e.getCause()) {
            String known = known(e);
            if (known != null) {
                return known;
            }
        }
        return "(" + reason(failure) + "); check its address, that it runs, and its user and password.";
    }

    private static @Nullable String known(Throwable e) {
        String message = String.valueOf(e.getMessage());
        if (e instanceof UnknownHostException) {
            return "(no host is known by the name " + message + "); check its address.";
        }
        if (e instanceof SocketTimeoutException) {
            return "(nobody answered within 5 s); check its address, and what lies between.";
        }
        if (e instanceof ConnectException) {
            return "(connection refused); check its address, and that it runs and listens there.";
        }
        if (e instanceof CertificateExpiredException) {
            return "(the server's certificate has expired); renew it there.";
        }
        if (e instanceof CertPathBuilderException) {
            return "(the server's certificate is signed by nobody that sslrootcert names); give the certificate of its CA"
                    + " with sslrootcert=FILE in --db-url.";
        }
        if (e instanceof FileNotFoundException) {
            return "(" + message + "); give the certificate of the server's CA with sslrootcert=FILE in --db-url.";
        }
        if (message.contains("No certificate data found")) {
            return "(the file of sslrootcert holds no certificate); give one that begins with -----BEGIN CERTIFICATE-----.";
        }
        if (message.contains("hostnameverifier")) {
            return "(the server's certificate is for another name than the one in the address); write a name that the certificate"
                    + " holds, or have one made for this name.";
        }
        if (message.contains("does not support SSL")) {
            return "(the server has no TLS, which sslmode in --db-url asks for); switch it on there (ssl = on), or, if nobody"
                    + " can listen in between, leave sslmode out.";
        }
        return e instanceof SQLException sql ? ofServer(String.valueOf(sql.getSQLState()), firstLine(message)) : null;
    }

    /** What the server itself says, by <a href="https://www.postgresql.org/docs/current/errcodes-appendix.html">its codes</a>. */
    private static @Nullable String ofServer(String state, String message) {
        return switch (state) {
            case "28P01" -> "(" + message + "); check --db-user and --db-password-file.";
            case "28000" ->
                "(" + message
                        + "); pg_hba.conf of the server must allow this user from here, and without TLS if sslmode"
                        + " does not ask for it.";
            case "3D000" -> "(" + message + "); make it, owned by the user of --db-user.";
            case "42501" -> "(" + message + "); its user must be allowed to connect (grant connect on database).";
            case "53300" -> "(" + message + "); raise max_connections there, or give fewer with --db-connections.";
            case "57P03" -> "(" + message + "); wait until it is ready.";
            default -> null;
        };
    }

    /** What the innermost of the causes says. */
    static String reason(Throwable failure) {
        Throwable last = failure;
        while (last.getCause() != null) {
            last = last.getCause();
        }
        return firstLine(String.valueOf(last.getMessage()));
    }

    private static String firstLine(String message) {
        return message.lines().findFirst().orElse("no reason given");
    }
}
