/// `$(NAME)` in commands, arguments and variables (`third_party/forked/golang/expansion`): a name that is not known is
/// left as it is written, `$$` is a `$`.
enum Expansion {
    static func expand(_ text: String, _ value: (String) -> String?) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var result: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "$"), index + 1 < bytes.count else {
                result.append(byte)
                index += 1
                continue
            }
            switch bytes[index + 1] {
            case UInt8(ascii: "$"):
                result.append(byte)
                index += 2
            case UInt8(ascii: "("):
                guard let end = bytes[(index + 2)...].firstIndex(of: UInt8(ascii: ")")) else {
                    // Never closed: these two stand for themselves, and so may what follows.
                    result += bytes[index..<index + 2]
                    index += 2
                    continue
                }
                let name = String(decoding: bytes[index + 2..<end], as: UTF8.self)
                if let value = value(name) {
                    result += value.utf8
                } else {
                    result += bytes[index...end]
                }
                index = end + 1
            default:
                result += bytes[index..<index + 2]
                index += 2
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
