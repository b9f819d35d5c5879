import Foundation

/// Reads Prometheus' text format as strictly as its specification allows, and says what is wrong with it.
struct PrometheusCheck {
    struct Sample: Hashable {
        var name: String
        var labels: [String: String]
        var value: Double
        var time: Int64?
    }

    struct Problem: Error, CustomStringConvertible {
        var line: Int
        var text: String
        var description: String { "line \(line): \(text)" }
    }

    private(set) var samples: [Sample] = []
    private(set) var types: [String: String] = [:]

    /// HELP and TYPE come once and before the samples, the samples of a metric stand together, none comes twice.
    init(_ text: String) throws {
        var helped: Set<String> = []
        var closed: Set<String> = []
        var current = ""
        var seen: Set<String> = []
        guard text.hasSuffix("\n") else { throw Problem(line: 0, text: "the last line is not ended") }
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().enumerated() {
            func fail(_ text: String) -> Problem { Problem(line: index + 1, text: "\(text): \(line)") }
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                guard words.count == 4, helped.insert(words[2]).inserted else { throw fail("HELP twice, or empty") }
                continue
            }
            if line.hasPrefix("# TYPE ") {
                guard words.count == 4, types[words[2]] == nil, helped.contains(words[2]),
                    ["counter", "gauge", "histogram"].contains(words[3]), !closed.contains(words[2])
                else { throw fail("a wrong TYPE") }
                types[words[2]] = words[3]
                closed.insert(current)
                current = words[2]
                continue
            }
            guard !line.isEmpty, !line.hasPrefix("#") else { throw fail("neither comment nor sample") }
            let sample = try Self.sample(String(line), fail)
            guard sample.name == current else { throw fail("not below its TYPE") }
            if types[sample.name] == "counter", !(sample.value >= 0) { throw fail("a counter below zero") }
            let key = "\(sample.name) \(sample.labels.sorted { $0.key < $1.key })"
            guard seen.insert(key).inserted else { throw fail("twice") }
            samples.append(sample)
        }
    }

    private static func sample(_ line: String, _ fail: (String) -> Problem) throws -> Sample {
        var rest = Substring(line)
        func isName(_ character: Character) -> Bool {
            character.isASCII && (character.isLetter || character.isNumber || character == "_" || character == ":")
        }
        let name = String(rest.prefix(while: isName))
        guard !name.isEmpty, name.first?.isNumber == false else { throw fail("no name") }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = String(rest.prefix(while: isName))
                rest = rest.dropFirst(label.count)
                guard !label.isEmpty, labels[label] == nil, rest.hasPrefix("=\"") else { throw fail("a wrong label") }
                rest = rest.dropFirst(2)
                var value = ""
                while let character = rest.first, character != "\"" {
                    rest = rest.dropFirst()
                    guard character == "\\" else {
                        value.append(character)
                        continue
                    }
                    switch rest.first {
                    case "\\": value.append("\\")
                    case "\"": value.append("\"")
                    case "n": value.append("\n")
                    default: throw fail("a wrong escape")
                    }
                    rest = rest.dropFirst()
                }
                guard rest.first == "\"" else { throw fail("an open label") }
                labels[label] = value
                rest = rest.dropFirst()
                if rest.first == "," { rest = rest.dropFirst() } else if rest.first != "}" { throw fail("no comma") }
            }
            rest = rest.dropFirst()
        }
        let words = rest.split(separator: " ", omittingEmptySubsequences: false).dropFirst().map(String.init)
        guard rest.first == " ", (1...2).contains(words.count), let value = Double(words[0]) else {
            throw fail("no value")
        }
        guard words.count == 2 else { return Sample(name: name, labels: labels, value: value, time: nil) }
        guard let time = Int64(words[1]) else { throw fail("a wrong time") }
        return Sample(name: name, labels: labels, value: value, time: time)
    }

    /// The only sample of a name whose labels contain these.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let found = samples.filter { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }
        return found.count == 1 ? found[0].value : nil
    }
}
