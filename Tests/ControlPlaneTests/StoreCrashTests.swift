import Foundation
import KubernetesAPI
import Logging
import Testing

@testable import ControlPlane

/// A store whose process is killed: everything that was answered is there when it comes back.
@Suite struct StoreCrashTests {
    private static func open(_ path: String) async throws -> Store {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try await Store.open(Store.Configuration(path: path), logger: logger)
    }

    @Test(
        arguments: ["store.rows.commit", "store.rows.committed", "store.rows.published"], [1, 2, 7, 20])
    func whatWasAnsweredSurvivesAKill(_ point: String, _ count: Int) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("crash-\(UUID().uuidString).db").path
        defer {
            for suffix in ["", "-wal", "-shm", ".answered"] {
                try? FileManager.default.removeItem(atPath: path + suffix)
            }
        }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, armed = "\(point):\(count)" as String] in
            setenv("MINIKUBE_LITE_FAILPOINT", armed, 1)
            _ = FileManager.default.createFile(atPath: path + ".answered", contents: nil)
            let answered = try #require(FileHandle(forWritingAtPath: path + ".answered"))
            let store = try await Self.open(path)
            for index in 0..<30 {
                let object = try await store.commit(
                    StoreWrite(
                        collection: index % 5 == 4 ? "events" : "configmaps",
                        key: ObjectKey(namespace: "default", name: "o\(index)"), expectation: .absent,
                        change: .put(["metadata": ["name": .string("o\(index)")]]), isDurable: index % 5 != 4))
                answered.write(Data("\(object.key.name) \(object.resourceVersion)\n".utf8))
            }
        }
        let answered = try String(contentsOfFile: path + ".answered", encoding: .utf8).split(separator: "\n").map {
            $0.split(separator: " ")
        }
        let store = try await Self.open(path)
        for line in answered {
            let index = Int(line[0].dropFirst()) ?? 0
            // Events need not have waited for the disk; nothing else may be missing.
            guard index % 5 != 4 else { continue }
            let object = store.object("configmaps", ObjectKey(namespace: "default", name: String(line[0])))
            #expect(object?.resourceVersion == Int64(line[1]))
        }
        #expect(store.unreadable.isEmpty)
        let next = try await store.commit(
            StoreWrite(
                collection: "configmaps", key: ObjectKey(namespace: "default", name: "next"), expectation: .absent,
                change: .put(["metadata": ["name": "next"]])))
        // Not even the version of an event that was lost is given out again.
        let highest = answered.compactMap { Int64($0[1]) }.max() ?? 0
        #expect(next.resourceVersion > highest)
        await store.close()
    }
}
