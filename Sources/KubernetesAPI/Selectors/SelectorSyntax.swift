/// A text that is not a selector, with what was expected.
public struct SelectorError: Error, Sendable, Hashable, CustomStringConvertible {
    public var message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}

extension APIError {
    /// 400, as the API server answers to a selector that it cannot read.
    public init(_ error: SelectorError) {
        self.init(code: 400, reason: .badRequest, message: error.message)
    }
}

/// The words and signs of a label selector's text.
struct SelectorLexer {
    enum Token: Hashable {
        case word(String)
        /// One of `,` `(` `)` `!` `=` `==` `!=` `<` `>`.
        case sign(String)
        case end

        var text: String {
            switch self {
            case .word(let text), .sign(let text): text
            case .end: ""
            }
        }
    }

    private var rest: Substring.UTF8View
    private(set) var next: Token = .end

    init(_ text: String) {
        rest = Substring(text).utf8
        advance()
    }

    mutating func take() -> Token {
        let token = next
        advance()
        return token
    }

    private static func isSign(_ byte: UInt8) -> Bool { "=!(),<>".utf8.contains(byte) }
    private static func isSpace(_ byte: UInt8) -> Bool { " \t\r\n".utf8.contains(byte) }

    private mutating func advance() {
        rest = rest.drop(while: Self.isSpace)
        guard let first = rest.first else {
            next = .end
            return
        }
        guard Self.isSign(first) else {
            let word = rest.prefix { !Self.isSpace($0) && !Self.isSign($0) }
            rest = rest[word.endIndex...]
            next = .word(String(Substring(word)))
            return
        }
        let length = ["==", "!="].contains { rest.starts(with: $0.utf8) } ? 2 : 1
        next = .sign(String(Substring(rest.prefix(length))))
        rest = rest.dropFirst(length)
    }
}
