import Foundation
import InternetAddress
import Testing

@testable import PodRuntime

@Suite struct AddressPoolTests {
    let directory = try! TemporaryDirectory()  // a test without a temporary directory cannot run

    func pool(_ ranges: String...) throws -> AddressPool {
        try AddressPool(
            ranges: try (ranges.isEmpty ? ["10.9.0.0/29"] : ranges).map { try #require(IPRange($0)) },
            directory: directory.path + "/addresses")
    }

    func texts(_ pool: AddressPool, _ number: AddressPool.Number) -> [String] {
        pool.addresses(of: number).map(\.description)
    }

    @Test func addressesAreGivenOnceAndOutliveTheAgent() throws {
        var first = try pool()
        let a = try first.claim(id: "a") { _ in "da" }
        let b = try first.claim(id: "b") { _ in "db" }
        #expect(texts(first, a) == ["10.9.0.2"] && texts(first, b) == ["10.9.0.3"])
        var second = try pool()
        #expect(second.number(of: "a") == a)
        #expect(try second.claim(id: "c") { _ in "dc" } != a)
    }

    @Test func aReleasedAddressIsNotGivenBeforeItsDeviceIsGone() throws {
        var pool = try pool()
        for id in ["a", "b", "c", "d", "e"] { _ = try pool.claim(id: id) { "d\($0)" } }
        let a = try #require(pool.number(of: "a"))
        try pool.release(a)
        #expect(pool.number(of: "a") == nil)
        let error = #expect(throws: RuntimeError.self) { try pool.claim(id: "f") { _ in "" } }
        #expect(error?.message.contains("4 in use, 1 not free yet") == true)
        // Also not after a restart.
        var again = try self.pool()
        #expect(throws: RuntimeError.self) { try again.claim(id: "f") { _ in "" } }
        try again.free(a)
        #expect(try again.claim(id: "f") { _ in "" } == a)
    }

    @Test func aRecordThatCannotBeReadIsKeptAndItsAddressToo() throws {
        try directory.write("addresses/10.9.0.2", "{ half")
        // A loss of power leaves such files; nobody holds anything then.
        try directory.write("addresses/10.9.0.3", "")
        var pool = try pool()
        #expect(pool.unreadable == [directory.path + "/addresses/10.9.0.2"])
        #expect(texts(pool, try pool.claim(id: "a") { _ in "" }) == ["10.9.0.3"])
        #expect(directory.read("addresses/10.9.0.2") == "{ half")
    }

    @Test func bothFamiliesHaveOneNumber() throws {
        var pool = try pool("10.9.0.0/29", "fd09::/64")
        let a = try pool.claim(id: "a") { _ in "da" }
        #expect(texts(pool, a) == ["10.9.0.2", "fd09::2"])
        // The smaller range is exhausted first; the larger one is never counted through.
        for id in ["b", "c", "d", "e"] { _ = try pool.claim(id: id) { _ in "" } }
        #expect(throws: RuntimeError.self) { try pool.claim(id: "f") { _ in "" } }
        var six = try AddressPool(
            ranges: [try #require(IPRange("fd09::/64"))], directory: directory.path + "/six")
        #expect(texts(six, try six.claim(id: "a") { _ in "" }) == ["fd09::2"])
        #expect(six.number(of: "a") == 2)
    }

    /// With a second family a pod of before keeps what it has, and nobody gets the address beside it.
    @Test func whatAPodWasGivenStaysWhatItIs() throws {
        try directory.write("addresses/10.9.0.3", #"{"id": "old", "device": "d3", "leaving": false}"#)
        var pool = try pool("10.9.0.0/29", "fd09::/64")
        let old = try #require(pool.number(of: "old"))
        #expect(texts(pool, old) == ["10.9.0.3"])
        let others = try ["a", "b"].map { try pool.claim(id: $0) { _ in "" } }.map { texts(pool, $0) }
        #expect(others == [["10.9.0.2", "fd09::2"], ["10.9.0.4", "fd09::4"]])
    }
}
