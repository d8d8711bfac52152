package yibao.connect;

import io.debezium.pipeline.EventDispatcher;
import io.debezium.pipeline.source.snapshot.incremental.IncrementalSnapshotChangeEventSource;
import io.debezium.pipeline.spi.Partition;
import io.debezium.spi.schema.DataCollectionId;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rows that are read again are read by the thread that reads the log, and by no other.
 *
 * <p>Debezium carries an order out in the thread that takes orders, beside the one that reads the log and goes on with what was ordered
 * at each transaction and heartbeat. Where both meet, they use one connection, one buffer of rows and one place in the table: a reading
 * ends with SQL_EXCEPTION, or rows of one table are sent as another's, which ends the task ("Data row is smaller than a column index")
 * or, where the columns happen to fit, does not. Seen in one of ten readings on an idle machine. So orders wait here until the thread
 * that reads the log comes by.
 */
final class OrderedReading {
    private static final Logger LOGGER = LoggerFactory.getLogger(OrderedReading.class);
    private static final Set<String> ORDERS = Set.of("addDataCollectionNamesToSnapshot", "pauseSnapshot", "resumeSnapshot");
    /** Between two transactions, or while the log is at rest. */
    private static final Set<String> COMES_BY = Set.of("processHeartbeat", "processTransactionCommittedEvent");

    private record Order(Method method, Object[] arguments) {}

    private final Object reading;
    private final Queue<Order> orders = new ConcurrentLinkedQueue<>();

    private OrderedReading(Object reading) {
        this.reading = reading;
    }

    /** Put it before what reads rows again for a dispatcher. By proxy, so that what a later Debezium adds goes through unseen. */
    @SuppressWarnings("unchecked")
    static <P extends Partition> void before(EventDispatcher<P, ? extends DataCollectionId> dispatcher) {
        Object reading = dispatcher.getIncrementalSnapshotChangeEventSource();
        if (reading == null || Proxy.isProxyClass(reading.getClass())) {
            return;
        }
        OrderedReading ordered = new OrderedReading(reading);
        dispatcher.setIncrementalSnapshotChangeEventSource(Optional.of((IncrementalSnapshotChangeEventSource<P, ? extends DataCollectionId>)
                Proxy.newProxyInstance(
                        OrderedReading.class.getClassLoader(),
                        new Class<?>[] {IncrementalSnapshotChangeEventSource.class},
                        (proxy, method, arguments) -> ordered.invoke(method, arguments))));
    }

    private Object invoke(Method method, Object[] arguments) throws Throwable {
        if (ORDERS.contains(method.getName())) {
            orders.add(new Order(method, arguments));
            return null;
        }
        if (COMES_BY.contains(method.getName())) {
            carryOut();
        }
        return called(method, arguments);
    }

    /** One that fails ends the capture as little as it does in Debezium's own thread. */
    private void carryOut() throws Throwable {
        for (Order order = orders.poll(); order != null; order = orders.poll()) {
            try {
                called(order.method(), order.arguments());
            } catch (RuntimeException failure) {
                LOGGER.warn("An order was not carried out: {}", order.method().getName(), failure);
            }
        }
    }

    private Object called(Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(reading, arguments);
        } catch (InvocationTargetException failure) {
            throw failure.getCause();
        }
    }
}
