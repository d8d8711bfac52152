package yibao.connect;

import java.util.HashMap;
import java.util.Map;

/**
 * From where PostgreSQL's log is to be read again after a stop, by what Connect has stored.
 *
 * <p>Debezium stores, with each record, the position of the row in the log and how many rows with that position were sent, and looks
 * for that place again. Rows are lost where the place is not exact, and nobody is told:
 * <ul>
 *   <li>Rows of one COPY share a position by the page. With one of them sent, Debezium 3.7.0 goes on behind all of them
 *       (WalPositionLocator counts from 2 on; before 3.7.0 it counted nothing, debezium/dbz#1554).
 *   <li>A changed primary key is a delete and a create of one position and one count. With the delete sent, the create counts as sent
 *       (debezium/dbz#2549).
 * </ul>
 * The offset that Debezium itself stores at the end of a transaction has neither fault. This class gives that one: of the last transaction
 * of which everything was sent. PostgreSQL then sends each later transaction whole, so some rows come twice, and none is missing.
 */
final class RestartOffset {
    private static final String LSN = "lsn";
    private static final String LSN_PROCESSED = "lsn_proc";
    private static final String LSN_COMMITTED = "lsn_commit";
    private static final String LSN_EVENTS_PROCESSED = "lsn_events_processed";
    private static final String MESSAGE_TYPE = "messageType";
    private static final String COMMIT = "COMMIT";
    /** Stands in the offsets of a snapshot only: it is made anew from its start, whatever they say. */
    private static final String SNAPSHOT = "snapshot";

    private RestartOffset() {}

    /** null for null; else a copy. What else stands in it, such as how far a snapshot on demand has come, stays. */
    static Map<String, Object> of(Map<String, Object> stored) {
        if (stored == null || stored.get(SNAPSHOT) != null) {
            return stored;
        }
        Map<String, Object> restart = new HashMap<>(stored);
        restart.remove(LSN_EVENTS_PROCESSED);
        if (stored.get(LSN_COMMITTED) == null) {
            // Nothing was committed since the snapshot, so the row is of the first transaction. Without this member the log is read
            // from the row's position and no place is looked for; that transaction ends behind it, so it is sent whole.
            restart.remove(LSN_PROCESSED);
        } else {
            restart.put(LSN, stored.get(LSN_COMMITTED));
            restart.put(LSN_PROCESSED, stored.get(LSN_COMMITTED));
            restart.put(MESSAGE_TYPE, COMMIT);
        }
        return restart;
    }
}
