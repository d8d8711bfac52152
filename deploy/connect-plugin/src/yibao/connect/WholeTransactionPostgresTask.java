package yibao.connect;

import io.debezium.config.Configuration;
import io.debezium.connector.postgresql.PostgresConnectorTask;
import io.debezium.connector.postgresql.PostgresOffsetContext;
import io.debezium.connector.postgresql.PostgresPartition;
import io.debezium.pipeline.ChangeEventSourceCoordinator;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The task of {@link WholeTransactionPostgresConnector}: Debezium's own, which is shown the stored offsets as restart offsets.
 *
 * <p>And it tells the database how far it is beside its work. Debezium does that between two polls, and reads the stored offsets for it,
 * to the end of Connect's topic: where a broker is away that leads a part of that topic, captured rows stood until it was back, under
 * the status RUNNING. Told later, the database keeps more of its log for so long, and nothing else.
 */
public final class WholeTransactionPostgresTask extends PostgresConnectorTask {
    private static final Logger LOGGER = LoggerFactory.getLogger(WholeTransactionPostgresTask.class);
    private static final long IDLE_SECONDS = 10;

    private final AtomicBoolean underWay = new AtomicBoolean();
    private final ThreadPoolExecutor beside =
            new ThreadPoolExecutor(0, 1, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), WholeTransactionPostgresTask::thread);

    @Override
    public void initialize(SourceTaskContext context) {
        super.initialize(RestartOffsetReader.within(context));
    }

    /** With {@link EndOfDay} among its converters, which is no option: every capture of ours writes times so. */
    @Override
    public ChangeEventSourceCoordinator<PostgresPartition, PostgresOffsetContext> start(Configuration config) {
        return super.start(config.edit().with("converters", "yibao").with("yibao.type", EndOfDay.class.getName()).build());
    }

    @Override
    public void performCommit() {
        if (underWay.compareAndSet(false, true)) {
            beside.execute(this::commitNow);
        }
    }

    private void commitNow() {
        try {
            super.performCommit();
        } catch (RuntimeException failure) {
            LOGGER.warn("The database was not told how far capture is; it is told with the next offset", failure);
        } finally {
            underWay.set(false);
        }
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "yibao-commit");
        thread.setDaemon(true);
        return thread;
    }
}
