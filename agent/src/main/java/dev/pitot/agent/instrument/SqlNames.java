package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/**
 * JDBC drivers and connection pools. Well-known drivers are named here; of any other, classes are candidates by the last part of their name,
 * and {@link AnyJdbc} has a closer look. What pools and proxies wrap around a driver's objects is left alone: the driver's own are measured.
 */
final class SqlNames implements Names {
    private static final byte[] REFERENCE = {'j', 'a', 'v', 'a', '/', 's', 'q', 'l', '/'};

    @Override
    public @Nullable String libraryOf(String name) {
        return switch (name) {
            case "org/postgresql/jdbc/PgStatement",
                    "org/postgresql/jdbc/PgPreparedStatement",
                    "org/postgresql/jdbc/PgCallableStatement",
                    "org/h2/jdbc/JdbcStatement",
                    "org/h2/jdbc/JdbcPreparedStatement",
                    "org/h2/jdbc/JdbcCallableStatement",
                    "com/mysql/cj/jdbc/StatementImpl",
                    "com/mysql/cj/jdbc/ClientPreparedStatement",
                    "com/mysql/cj/jdbc/CallableStatement",
                    "org/mariadb/jdbc/Statement",
                    "org/mariadb/jdbc/BasePreparedStatement",
                    "org/mariadb/jdbc/ClientPreparedStatement",
                    "org/mariadb/jdbc/ServerPreparedStatement",
                    "com/microsoft/sqlserver/jdbc/SQLServerStatement",
                    "com/microsoft/sqlserver/jdbc/SQLServerPreparedStatement",
                    // What Oracle's driver gives out, and not what is in it.
                    "oracle/jdbc/driver/OracleStatementWrapper",
                    "oracle/jdbc/driver/OraclePreparedStatementWrapper",
                    "org/hsqldb/jdbc/JDBCStatement",
                    "org/hsqldb/jdbc/JDBCPreparedStatement",
                    "org/apache/derby/impl/jdbc/EmbedStatement",
                    "org/apache/derby/impl/jdbc/EmbedPreparedStatement",
                    // These do not say that they implement java.sql.Statement; their subclasses do.
                    "org/sqlite/jdbc3/JDBC3Statement",
                    "org/sqlite/jdbc3/JDBC3PreparedStatement",
                    "org/sqlite/core/CorePreparedStatement" -> "JdbcStatement";
            case "org/postgresql/jdbc/PgConnection",
                    "org/h2/jdbc/JdbcConnection",
                    "com/mysql/cj/jdbc/ConnectionImpl",
                    "org/mariadb/jdbc/Connection",
                    "com/microsoft/sqlserver/jdbc/SQLServerConnection",
                    "oracle/jdbc/driver/PhysicalConnection",
                    "org/hsqldb/jdbc/JDBCConnection",
                    "org/apache/derby/impl/jdbc/EmbedConnection",
                    "org/sqlite/jdbc3/JDBC3Connection",
                    "org/sqlite/jdbc4/JDBC4Connection" -> "JdbcConnection";
            case "com/zaxxer/hikari/pool/HikariPool" -> "HikariConnections";
            case "org/apache/commons/dbcp2/BasicDataSource",
                    "org/apache/commons/dbcp2/PoolingDataSource",
                    "org/apache/commons/dbcp2/datasources/InstanceKeyDataSource",
                    "org/apache/tomcat/dbcp/dbcp2/BasicDataSource",
                    "org/apache/tomcat/dbcp/dbcp2/PoolingDataSource",
                    "org/apache/tomcat/dbcp/dbcp2/datasources/InstanceKeyDataSource",
                    "org/apache/tomcat/jdbc/pool/DataSourceProxy",
                    "com/mchange/v2/c3p0/impl/AbstractPoolBackedDataSource",
                    "com/alibaba/druid/pool/DruidDataSource",
                    "io/agroal/pool/DataSource",
                    "oracle/ucp/jdbc/PoolDataSourceImpl",
                    "org/h2/jdbcx/JdbcConnectionPool",
                    "org/hsqldb/jdbc/JDBCPool",
                    "org/mariadb/jdbc/MariaDbPoolDataSource",
                    "org/postgresql/ds/PGPoolingDataSource",
                    "org/jboss/jca/adapters/jdbc/WrapperDataSource" -> "DataSources";
            case "org/postgresql/ds/common/BaseDataSource",
                    "org/h2/jdbcx/JdbcDataSource",
                    "org/hsqldb/jdbc/JDBCDataSource",
                    "com/mysql/cj/jdbc/MysqlDataSource",
                    "org/mariadb/jdbc/MariaDbDataSource",
                    "com/microsoft/sqlserver/jdbc/SQLServerDataSource",
                    "oracle/jdbc/datasource/impl/OracleDataSource",
                    "org/sqlite/SQLiteDataSource",
                    "com/ibm/db2/jcc/DB2SimpleDataSource",
                    "com/clickhouse/jdbc/DataSourceImpl",
                    "com/sap/db/jdbcext/DataSourceSAP",
                    "org/springframework/jdbc/datasource/AbstractDriverBasedDataSource" -> "ConnectingSources";
            // Not called what others call them.
            case "com/sap/db/jdbc/ConnectionSapDB", "com/informix/jdbc/IfxSqliConnect" -> "AnyJdbc";
            default -> isCandidate(name) ? "AnyJdbc" : isSource(name) ? "AnyDataSource" : null;
        };
    }

    private static boolean isSource(String name) {
        return (name.endsWith("DataSource") || name.endsWith("DataSourceImpl") || name.endsWith("DataSourceBean"))
                && !isNone(name, name.lastIndexOf('/') + 1);
    }

    private static boolean isCandidate(String name) {
        int last = name.lastIndexOf('/') + 1;
        boolean named = isConnection(name, last)
                || name.indexOf("Statement", last) >= 0
                // Most of this driver's class names are two letters.
                || name.startsWith("com/ibm/db2/jcc/am/") && name.length() - last <= 3;
        return named && !isServers(name) && !isNone(name, last);
    }

    /** Some drivers number them: {@code SnowflakeConnectionV1}, {@code ConnectionJDBC2}. */
    private static boolean isConnection(String name, int last) {
        int at = name.lastIndexOf("Connection");
        if (at < last) {
            return false;
        }
        int rest = name.length() - at - "Connection".length();
        char end = name.charAt(name.length() - 1);
        return rest == 0
                || name.endsWith("ConnectionImpl")
                || rest <= 5 && end >= '0' && end <= '9' && name.indexOf('$', at) < 0;
    }

    /** What application servers wrap around a driver's objects. Their data sources are pools. */
    private static boolean isServers(String name) {
        return name.startsWith("org/jboss/jca/")
                || name.startsWith("com/ibm/ws/")
                || name.startsWith("weblogic/")
                || name.startsWith("com/atomikos/");
    }

    private static boolean isNone(String name, int last) {
        return name.indexOf("Wrapper", last) >= 0
                || name.indexOf("Wrapped", last) >= 0
                || name.indexOf("Proxy", last) >= 0
                || name.indexOf("Delegating", last) >= 0
                || name.startsWith("java/")
                || name.startsWith("javax/")
                || name.startsWith("jdk/")
                || name.startsWith("sun/")
                || name.startsWith("com/sun/")
                || name.startsWith("com/zaxxer/hikari/")
                || name.startsWith("org/apache/commons/dbcp")
                || name.startsWith("org/apache/tomcat/")
                || name.startsWith("com/mchange/")
                || name.startsWith("com/alibaba/druid/")
                || name.startsWith("com/p6spy/")
                || name.startsWith("io/agroal/")
                || name.startsWith("oracle/ucp/")
                || name.startsWith("oracle/jdbc/")
                || name.startsWith("net/ttddyy/")
                || name.startsWith("org/springframework/")
                || name.startsWith("org/hibernate/")
                || name.startsWith("org/apache/ibatis/")
                || name.startsWith("org/jooq/")
                || name.startsWith("io/opentelemetry/");
    }

    /** Each class of a driver names some class of JDBC; one of a parser or of an HTTP client does not. */
    @Override
    public boolean isLikely(byte[] classFile) {
        for (int i = 0; i + REFERENCE.length <= classFile.length; i++) {
            int same = 0;
            while (same < REFERENCE.length && classFile[i + same] == REFERENCE[same]) {
                same++;
            }
            if (same == REFERENCE.length) {
                return true;
            }
        }
        return false;
    }

    @Override
    public boolean heralds(String name) {
        return switch (name) {
            case "com/zaxxer/hikari/HikariConfig",
                    "org/postgresql/Driver",
                    "com/mysql/cj/jdbc/NonRegisteringDriver",
                    "org/mariadb/jdbc/Driver",
                    "com/microsoft/sqlserver/jdbc/SQLServerDriver",
                    "oracle/jdbc/driver/OracleDriver",
                    "org/h2/Driver" -> true;
            default -> false;
        };
    }
}
