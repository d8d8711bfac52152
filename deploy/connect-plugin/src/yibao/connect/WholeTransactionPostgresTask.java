package yibao.connect;

import io.debezium.connector.postgresql.PostgresConnectorTask;
import org.apache.kafka.connect.source.SourceTaskContext;

/** The task of {@link WholeTransactionPostgresConnector}: Debezium's own, which is shown the stored offsets as restart offsets. */
public final class WholeTransactionPostgresTask extends PostgresConnectorTask {
    @Override
    public void initialize(SourceTaskContext context) {
        super.initialize(RestartOffsetReader.within(context));
    }
}
