import Foundation
import GRDB
import KubernetesAPI

/// The store's file: one append-only table whose row number is the resourceVersion.
///
/// `AUTOINCREMENT` keeps SQLite from giving out the number of a deleted row again. The journal is a write-ahead log
/// with `synchronous=FULL`, so that a committed transaction is on the disk (https://sqlite.org/pragma.html); both are
/// asserted, because a file system without shared memory silently gets another journal.
struct StoreDatabase: Sendable {
    /// One row: a version of an object, or its deletion.
    struct Row: Sendable {
        var object: StoredObject
        var isDeletion: Bool
    }

    private let queue: DatabaseQueue

    /// Opens the file, makes its tables, and checks that it keeps what it promises. `path` nil is a database in
    /// memory, for tests.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.label = "store"
        // Somebody may be looking at the file with another program.
        configuration.busyMode = .timeout(5)
        queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.writeWithoutTransaction { database in
            let journal = try String.fetchOne(database, sql: "PRAGMA journal_mode=WAL")
            try database.execute(sql: "PRAGMA synchronous=FULL")
            let synchronous = try Int.fetchOne(database, sql: "PRAGMA synchronous")
            guard journal == "wal", synchronous == 2 else {
                throw StoreError.disk(
                    "\(path): SQLite offers journal mode \(journal ?? "?") and synchronous \(synchronous ?? -1), "
                        + "but the store needs wal and 2 (full)")
            }
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS log (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        collection TEXT NOT NULL,
                        namespace TEXT NOT NULL,
                        name TEXT NOT NULL,
                        deleted INTEGER NOT NULL,
                        written INTEGER NOT NULL,
                        value BLOB NOT NULL
                    );
                    CREATE TABLE IF NOT EXISTS progress (
                        only INTEGER PRIMARY KEY CHECK (only = 1),
                        compacted INTEGER NOT NULL
                    );
                    INSERT OR IGNORE INTO progress VALUES (1, 0);
                    CREATE TABLE IF NOT EXISTS unreadable (
                        id INTEGER PRIMARY KEY, reason TEXT NOT NULL, found INTEGER NOT NULL,
                        collection TEXT, namespace TEXT, name TEXT, deleted INTEGER, written INTEGER, value BLOB
                    );
                    """)
        }
    }

    /// What a freshly opened file holds.
    struct Contents {
        var state: StoreState
        /// The highest row number ever given out; 0 for a new file.
        var lastVersion: Int64
        /// Rows that could not be read: they are now in the table `unreadable`.
        var unreadable: [String]
        /// Rows that are not needed but were not removed before the store was last closed.
        var obsolete: [Int64]
    }

    /// Reads everything, once. Rows that are not what they should be are set aside and named in the answer.
    func load(now: Int64) throws -> Contents {
        try queue.write { database in
            let compacted = try Int64.fetchOne(database, sql: "SELECT compacted FROM progress") ?? 0
            let sequence = try Int64.fetchOne(database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'log'")
            var state = StoreState(resourceVersion: compacted, compactedVersion: compacted)
            var unreadable: [(id: Int64, reason: String)] = []
            var obsolete: [Int64] = []
            var base: [String: [ObjectKey: Int64]] = [:]
            let rows = try GRDB.Row.fetchCursor(
                database, sql: "SELECT id, collection, namespace, name, deleted, written, value FROM log ORDER BY id")
            while let row = try rows.next() {
                let id: Int64 = row[0]
                guard let collection = String.fromDatabaseValue(row[1]),
                    let namespace = String.fromDatabaseValue(row[2]), let name = String.fromDatabaseValue(row[3]),
                    let isDeletion = Bool.fromDatabaseValue(row[4]), let written = Int64.fromDatabaseValue(row[5]),
                    let value = Data.fromDatabaseValue(row[6])
                else {
                    unreadable.append((id, "a column has the wrong type"))
                    continue
                }
                let key = ObjectKey(namespace: namespace, name: name)
                let bytes = [UInt8](value)
                guard let tree = try? JSONParser.parse(bytes), tree[path: "metadata", "name"]?.stringValue == name
                else {
                    unreadable.append((id, "\(collection) \(key): the value is not the object's JSON"))
                    continue
                }
                let object = StoredObject(
                    collection: collection, key: key, resourceVersion: id, writtenAt: written, bytes: bytes)
                if id <= compacted {
                    // Only the last version of each object counts here; others were on their way out.
                    if let earlier = base[collection]?[key] { obsolete.append(earlier) }
                    base[collection, default: [:]][key] = id
                    if isDeletion {
                        state.loadDeletion(collection, key)
                        obsolete.append(id)
                        base[collection]?[key] = nil
                    } else {
                        state.load(object)
                    }
                } else {
                    let previous = state.object(collection, key)
                    let kind: StoreEvent.Kind = isDeletion ? .deleted : previous == nil ? .added : .modified
                    state.apply(StoreEvent(kind: kind, object: object, previous: previous))
                }
            }
            for (id, reason) in unreadable {
                try database.execute(
                    sql: """
                        INSERT OR REPLACE INTO unreadable
                        SELECT id, ?, ?, collection, namespace, name, deleted, written, value FROM log WHERE id = ?
                        """, arguments: [reason, now, id])
                try database.execute(sql: "DELETE FROM log WHERE id = ?", arguments: [id])
            }
            let lastVersion = max(sequence ?? 0, state.resourceVersion)
            state.raiseResourceVersion(to: lastVersion)
            return Contents(
                state: state, lastVersion: lastVersion, unreadable: unreadable.map { "row \($0.id): \($0.reason)" },
                obsolete: obsolete)
        }
    }

    /// Writes rows and removes obsolete ones in one transaction, which is on the disk when this returns.
    func write(_ rows: [Row], removing obsolete: ArraySlice<Int64>, compactedVersion: Int64) throws {
        try queue.writeWithoutTransaction { database in
            try database.inTransaction(.immediate) {
                let insert = try database.cachedStatement(
                    sql: """
                        INSERT INTO log (id, collection, namespace, name, deleted, written, value)
                        VALUES (?, ?, ?, ?, ?, ?, ?)
                        """)
                for row in rows {
                    let object = row.object
                    try insert.execute(arguments: [
                        object.resourceVersion, object.collection, object.key.namespace, object.key.name,
                        row.isDeletion, object.writtenAt, Data(object.bytes),
                    ])
                }
                if !obsolete.isEmpty {
                    let delete = try database.cachedStatement(sql: "DELETE FROM log WHERE id = ?")
                    for id in obsolete { try delete.execute(arguments: [id]) }
                    try database.cachedStatement(sql: "UPDATE progress SET compacted = ?")
                        .execute(arguments: [compactedVersion])
                }
                return .commit
            }
        }
    }

    func close() throws { try queue.close() }
}
