import KubernetesAPI

/// What is wrong with a file, gathered while it is read.
final class FileProblems {
    private(set) var all: [String] = []

    func add(_ path: FieldPath, _ problem: String) { add("\(path): \(problem)") }

    func add(_ problem: String) {
        if !all.contains(problem) { all.append(problem) }
    }
}

/// The members of one object of a file, each read once and with its path in what is said about it.
struct FileFields {
    let object: JSONObject
    let path: FieldPath
    let problems: FileProblems

    /// Nil where it is no object. Members other than `known` are problems.
    init?(_ json: JSONValue?, at path: FieldPath, known: [String], _ problems: FileProblems) {
        guard let object = json?.objectValue else {
            problems.add(path, json == nil || json == .null ? "required" : "must be an object")
            return nil
        }
        self.object = object
        self.path = path
        self.problems = problems
        for key in object.keys where !known.contains(key) {
            problems.add(path.child(key), "unknown field: known are \(known.sorted().joined(separator: ", "))")
        }
    }

    /// Nil where the member is not there or null.
    subscript(key: String) -> JSONValue? { object[key].flatMap { $0 == .null ? nil : $0 } }

    func has(_ key: String) -> Bool { self[key] != nil }

    func problem(_ key: String, _ text: String) { problems.add(path.child(key), text) }

    func string(_ key: String, required: Bool = false) -> String? {
        guard let json = self[key] else {
            if required { problem(key, "required") }
            return nil
        }
        guard let text = json.stringValue, !text.isEmpty else {
            problem(key, "must be text")
            return nil
        }
        return text
    }

    /// One of the words of an enumeration.
    func word<Word: RawRepresentable<String> & CaseIterable>(_ key: String, _ type: Word.Type = Word.self) -> Word? {
        guard let text = string(key) else { return nil }
        if let word = Word(rawValue: text) { return word }
        let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
        problem(key, "unknown value \"\(text)\": known are \(known)")
        return nil
    }

    func integer(_ key: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let json = self[key] else { return nil }
        guard let value = json.integerValue, range.contains(value) else {
            problem(key, "must be a whole number between \(range.lowerBound) and \(range.upperBound), inclusive")
            return nil
        }
        return value
    }

    func flag(_ key: String) -> Bool {
        guard let json = self[key] else { return false }
        if json.boolValue == nil { problem(key, "must be true or false") }
        return json.boolValue ?? false
    }

    /// A time such as `100ms`.
    func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        guard let json = self[key] else { return nil }
        guard let found = json.stringValue.flatMap(DurationText.duration) else {
            problem(key, "must be a time with a unit, such as 500ms, 30s or 5m")
            return nil
        }
        guard range.contains(found) else {
            problem(key, "must be between \(range.lowerBound) and \(range.upperBound), inclusive")
            return nil
        }
        return found
    }

    /// The items of a list with their paths; empty where there is none.
    func list(_ key: String) -> [(json: JSONValue, path: FieldPath)] {
        guard let json = self[key] else { return [] }
        guard let items = json.arrayValue else {
            problem(key, "must be a list")
            return []
        }
        let path = path.child(key)
        return items.enumerated().map { ($0.element, path[$0.offset]) }
    }

    func strings(_ key: String) -> [String]? {
        guard has(key) else { return nil }
        var found: [String] = []
        for (json, path) in list(key) {
            if let text = json.stringValue { found.append(text) } else { problems.add(path, "must be text") }
        }
        if found.isEmpty { problem(key, "must not be empty") }
        return found
    }
}
