import Glibc
import LinuxKernel

/// The raw form of a sampler: chosen files and keys to numbers, on descriptors that stay open.
public struct CgroupSeriesSampler: Sendable {
    public let path: String
    public let series: [CgroupSeries]
    private let files: [File]
    /// Series that are named again, and the place of the first.
    private let copies: [(from: Int, to: Int)]

    /// One file with the series that come from it.
    private struct File: Sendable {
        enum Form: Sendable {
            case single
            case keyed(KeyTable)
            /// `some` and `full`: 0 to 2 are the averages, 3 the total; 4 more for `full`.
            case pressure([Int])
            /// Nil stands for all devices.
            case devices(KeyTable, [[UInt8]?])
        }
        let file: SampledFile
        var form: Form
        /// Where each number goes.
        var places: [Int]
    }

    /// Opens the files that the series name. A file that is not there gives no numbers (`nan`).
    ///
    /// - Throws: `RuntimeError(.notFound)` where there is no such cgroup, `.configuration` for a key that the file's
    ///   format does not have.
    public init(path: String, series: [CgroupSeries]) throws {
        self.path = path
        self.series = series
        guard FileAccess.exists(path) else { throw RuntimeError.cgroupGone(path) }
        var files: [File] = []
        var first: [CgroupSeries: Int] = [:]
        var copies: [(from: Int, to: Int)] = []
        for (place, one) in series.enumerated() {
            if let known = first[one] { copies.append((known, place)) } else { first[one] = place }
        }
        self.copies = copies
        for name in Set(series.map(\.file)).sorted() {
            let places = series.indices.filter { series[$0].file == name && first[series[$0]] == $0 }
            let keys = places.map { series[$0].key }
            let opened = try RuntimeError.wrapping(.create, step: "sample") { try SampledFile("\(path)/\(name)") }
            let form = try Self.forms(name, keys)
            guard let opened else { continue }
            for (form, indices) in form {
                files.append(File(file: opened, form: form, places: indices.map { places[$0] }))
            }
        }
        self.files = files
    }

    /// How a file is to be read for its keys; more than one form only where someone wants its first number, too.
    private static func forms(_ file: String, _ keys: [String]) throws -> [(File.Form, [Int])] {
        func refusal(_ key: String, _ expected: String) -> RuntimeError {
            RuntimeError(
                .configuration, step: "sample", object: "\(file):\(key)",
                message: "\(file) has no \"\(key)\": \(expected)")
        }
        let singles = keys.indices.filter { keys[$0].isEmpty }
        let others = keys.indices.filter { !keys[$0].isEmpty }
        var forms: [(File.Form, [Int])] = singles.isEmpty ? [] : [(.single, singles)]
        guard !others.isEmpty else { return forms }
        if file.hasSuffix(".pressure") {
            let fields = ["avg10", "avg60", "avg300", "total"]
            let slots = try others.map { index -> Int in
                let parts = keys[index].split(separator: ".").map(String.init)
                guard parts.count == 2, let line = ["some", "full"].firstIndex(of: parts[0]),
                    let field = fields.firstIndex(of: parts[1])
                else { throw refusal(keys[index], "name it as some.avg10 or full.total") }
                return line * 4 + field
            }
            forms.append((.pressure(slots), others))
        } else if file == "io.stat" {
            var fields: [String] = []
            var devices: [[UInt8]?] = []
            for index in others {
                let parts = keys[index].split(separator: ".", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { throw refusal(keys[index], "name it as 8:16.rbytes or *.rbytes") }
                devices.append(parts[0] == "*" ? nil : Array(parts[0].utf8))
                fields.append(parts[1])
            }
            forms.append((.devices(KeyTable(fields), devices), others))
        } else {
            forms.append((.keyed(KeyTable(others.map { keys[$0] })), others))
        }
        return forms
    }

    /// One number per series, in their order: `nan` where the file or the key is not there, infinity for `max`. Each file
    /// is read once. Blocks for some microseconds per file.
    ///
    /// - Parameter values: replaced where it has another length than `series`.
    /// - Throws: `RuntimeError(.notFound)` where the cgroup is gone.
    public func sample(into values: inout [Double]) throws {
        if values.count == series.count {
            for index in values.indices { values[index] = .nan }
        } else {
            values = [Double](repeating: .nan, count: series.count)
        }
        do {
            try SampledFile.withBuffer { buffer in
                try values.withUnsafeMutableBufferPointer { values in
                    for file in files {
                        guard let text = try file.file.read(buffer) else { continue }
                        Self.parse(text, file, values)
                    }
                    for (from, to) in copies { values[to] = values[from] }
                }
            }
        } catch let error as SystemError {
            throw error.errno == ENODEV ? RuntimeError.cgroupGone(path) : RuntimeError(.create, step: "sample", error)
        }
    }

    private static func parse(
        _ text: UnsafeRawBufferPointer, _ file: File, _ values: UnsafeMutableBufferPointer<Double>
    ) {
        switch file.form {
        case .single:
            guard let number = CgroupText.single(text) else { return }
            for place in file.places { values[place] = number == .max ? .infinity : Double(number) }
        case .keyed(let keys):
            keys.scan(text) { key, value in values[file.places[key]] = Double(value) }
        case .pressure(let slots):
            let pressure = CgroupText.pressure(text)
            for (slot, place) in zip(slots, file.places) {
                let share = slot < 4 ? pressure.some : pressure.full
                switch slot % 4 {
                case 0: values[place] = share.avg10
                case 1: values[place] = share.avg60
                case 2: values[place] = share.avg300
                default: values[place] = Double(share.totalMicroseconds)
                }
            }
        case .devices(let keys, let devices):
            CgroupText.eachLine(text) { start, end in
                let nameEnd = CgroupText.wordEnd(text, start, end)
                let name = UnsafeRawBufferPointer(rebasing: text[start..<nameEnd])
                keys.scanFields(text, nameEnd, end) { key, value in
                    // A field may be wanted of several devices: the table finds the first that has its name.
                    for other in devices.indices where keys.isSame(key, other) {
                        if let device = devices[other], !device.elementsEqual(name) { continue }
                        let place = file.places[other]
                        values[place] = values[place].isNaN ? Double(value) : values[place] + Double(value)
                    }
                }
            }
        }
    }
}
