package yibao.connect;

import io.debezium.connector.postgresql.PostgresConnector;
import org.apache.kafka.connect.connector.Task;

/**
 * Debezium's PostgreSQL connector, which after a stop goes on at the start of a transaction and never within one.
 *
 * <p>Everything but that is Debezium's; see {@link RestartOffset} for what is changed, and why.
 */
public final class WholeTransactionPostgresConnector extends PostgresConnector {
    @Override
    public Class<? extends Task> taskClass() {
        return WholeTransactionPostgresTask.class;
    }
}
