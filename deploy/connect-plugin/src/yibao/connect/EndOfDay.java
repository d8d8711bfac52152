package yibao.connect;

import io.debezium.spi.converter.CustomConverter;
import io.debezium.spi.converter.RelationalColumn;
import io.debezium.time.IsoTime;
import io.debezium.util.Strings;
import java.sql.Types;
import java.util.Properties;
import org.apache.kafka.connect.data.SchemaBuilder;

/**
 * Writes a {@code time} as Debezium does, but for the end of a day: PostgreSQL's {@code 24:00:00} is not its {@code 00:00:00}.
 *
 * <p>Debezium reads it whole and adds it to midnight, where it becomes the beginning of the same day: the times of two rows would be
 * one, and nobody could see which it was.
 */
public final class EndOfDay implements CustomConverter<SchemaBuilder, RelationalColumn> {
    private static final String END = "24:00:00";
    private static final String WITH_ZONE = "timetz";

    @Override
    public void configure(Properties properties) {}

    @Override
    public void converterFor(RelationalColumn column, ConverterRegistration<SchemaBuilder> registration) {
        if (column.jdbcType() == Types.TIME && !WITH_ZONE.equals(column.typeName())) {
            registration.register(IsoTime.builder(), EndOfDay::written);
        }
    }

    private static Object written(Object value) {
        if (value == null) {
            return null;
        }
        if (value instanceof String text) {
            return text.startsWith(END) ? END + "Z" : IsoTime.toIsoString(Strings.asDuration(text), true);
        }
        return IsoTime.toIsoString(value, true);
    }
}
