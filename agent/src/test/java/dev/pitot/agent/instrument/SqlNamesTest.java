package dev.pitot.agent.instrument;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Classes of drivers and pools that no test runs, by the names that they have in the jars of their makers. */
class SqlNamesTest {
    @ParameterizedTest
    @CsvSource({
        "net/snowflake/client/jdbc/SnowflakeConnectionV1, AnyJdbc",
        "net/snowflake/client/jdbc/SnowflakePreparedStatementV1, AnyJdbc",
        "net/snowflake/client/jdbc/SnowflakeBasicDataSource, AnyDataSource",
        "net/sourceforge/jtds/jdbc/ConnectionJDBC2, AnyJdbc",
        "com/sap/db/jdbc/ConnectionSapDB, AnyJdbc",
        "com/sap/db/jdbcext/DataSourceSAP, ConnectingSources",
        "com/informix/jdbc/IfxSqliConnect, AnyJdbc",
        "com/ibm/db2/jcc/am/ab, AnyJdbc",
        "com/jolbox/bonecp/BoneCPDataSource, AnyDataSource",
        "com/atomikos/jdbc/AtomikosDataSourceBean, AnyDataSource",
        "com/ibm/ws/rsadapter/jdbc/WSJdbcDataSource, AnyDataSource",
        "org/jboss/jca/adapters/jdbc/WrapperDataSource, DataSources",
        "com/zaxxer/hikari/pool/HikariPool, HikariConnections",
    })
    void isACandidate(String name, String library) {
        assertThat(new SqlNames().libraryOf(name)).isEqualTo(library);
    }

    /** What wraps a driver's objects would count them again, or take their waits for a pool's. */
    @ParameterizedTest
    @CsvSource({
        "com/zaxxer/hikari/HikariDataSource",
        "com/zaxxer/hikari/util/DriverDataSource",
        "com/zaxxer/hikari/pool/HikariProxyPreparedStatement",
        "com/mchange/v2/c3p0/DriverManagerDataSource",
        "com/mchange/v2/c3p0/impl/NewProxyConnection",
        "com/p6spy/engine/spy/P6DataSource",
        "com/atomikos/jdbc/AtomikosXAPooledConnection",
        "com/ibm/ws/rsadapter/jdbc/WSJdbcPreparedStatement",
        "org/jboss/jca/adapters/jdbc/CachedPreparedStatement",
        "org/springframework/jdbc/datasource/LazyConnectionDataSourceProxy",
        "org/springframework/jdbc/datasource/DelegatingDataSource",
        "javax/sql/DataSource",
        "com/example/ConnectionFactory",
        "com/example/DataSourceConfig",
        "com/example/HttpConnection$1",
        "com/example/HttpConnectionPool2000",
        "com/example/connection2/Order",
    })
    void isNone(String name) {
        assertThat(new SqlNames().libraryOf(name)).isNull();
    }
}
