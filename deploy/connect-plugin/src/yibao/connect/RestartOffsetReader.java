package yibao.connect;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.apache.kafka.connect.storage.OffsetStorageReader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads what Connect has stored, and gives it as offsets to restart from. */
final class RestartOffsetReader implements OffsetStorageReader {
    private static final Logger LOGGER = LoggerFactory.getLogger(RestartOffsetReader.class);

    private final OffsetStorageReader stored;

    private RestartOffsetReader(OffsetStorageReader stored) {
        this.stored = stored;
    }

    /** The same context with another reader. By proxy, so that what a later Connect adds to a context goes through unseen. */
    static SourceTaskContext within(SourceTaskContext context) {
        return (SourceTaskContext) Proxy.newProxyInstance(
                RestartOffsetReader.class.getClassLoader(),
                new Class<?>[] {SourceTaskContext.class},
                (proxy, method, arguments) -> method.getName().equals("offsetStorageReader")
                        ? new RestartOffsetReader(context.offsetStorageReader())
                        : called(context, method, arguments));
    }

    private static Object called(SourceTaskContext context, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(context, arguments);
        } catch (InvocationTargetException failure) {
            throw failure.getCause();
        }
    }

    @Override
    public <T> Map<String, Object> offset(Map<String, T> partition) {
        return restart(stored.offset(partition));
    }

    @Override
    public <T> Map<Map<String, T>, Map<String, Object>> offsets(Collection<Map<String, T>> partitions) {
        Map<Map<String, T>, Map<String, Object>> found = new HashMap<>(stored.offsets(partitions));
        found.replaceAll((partition, offset) -> restart(offset));
        return found;
    }

    private static Map<String, Object> restart(Map<String, Object> offset) {
        Map<String, Object> restart = RestartOffset.of(offset);
        LOGGER.info("Stored offset {}, restart from {}", offset, restart);
        return restart;
    }
}
