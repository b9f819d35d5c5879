import InternetAddress
import LinuxKernel

/// Messages of one transaction on a table of ours.
struct RouteBatch {
    private(set) var messages: [NetlinkMessage] = []
    /// Whose table what is added next is about.
    var table: (name: String, family: IPAddress.Family) = ("", .v4)
    let bridge: String
    /// Of sets that have no name.
    private var numbers: UInt32 = 0

    init(bridge: String) { self.bridge = bridge }

    mutating func addTable() { messages.append(TablesMessage.addTable(table.name, table.family)) }

    mutating func addChain(_ name: String, hook: TablesHook? = nil, comment: String = "") {
        messages.append(
            TablesMessage.addChain(name, table: table.name, table.family, hook: hook, comment: comment))
    }

    mutating func flush(_ chain: String) {
        messages.append(TablesMessage.flushChain(chain, table: table.name, table.family))
    }

    mutating func deleteChain(_ name: String) {
        messages.append(TablesMessage.deleteChain(name, table: table.name, table.family))
    }

    mutating func add(_ set: TablesSet) { messages.append(TablesMessage.addSet(set, table: table.name, table.family)) }

    mutating func deleteSet(_ name: String) {
        messages.append(TablesMessage.deleteSet(name, table: table.name, table.family))
    }

    mutating func flushSet(_ name: String) {
        messages.append(TablesMessage.flushSet(name, table: table.name, table.family))
    }

    mutating func add(_ elements: [TablesElement], to set: TablesSet) {
        messages += TablesMessage.addElements(elements, to: set, table: table.name, table.family)
    }

    mutating func delete(_ elements: [TablesElement], from set: TablesSet) {
        messages += TablesMessage.deleteElements(elements, from: set, table: table.name, table.family)
    }

    mutating func add(_ expressions: [TablesExpression], to chain: String, purpose: String? = nil) {
        messages.append(
            TablesMessage.addRule(
                expressions, chain: chain, table: table.name, table.family, purpose: purpose ?? "add to chain \(chain)")
        )
    }

    // MARK: Routes

    /// Asks for masquerading.
    static let mark: [TablesExpression] = [
        .load(.mark, to: .word(0)),
        .bitwise(
            .word(0), mask: TablesElement.number(~RouteTable.masqueradeMark),
            flip: TablesElement.number(RouteTable.masqueradeMark)),
        .setMark(from: .word(0)),
    ]

    // In the rules of a route the source address is in the first four words, a backend's address and port follow.
    private static let source = TablesRegister.word(0)
    private static let backend = TablesRegister.word(4)
    private var toBackend: TablesExpression {
        .destinationNAT(address: Self.backend, port: .word(4 + Int(table.family.bits) / 32))
    }

    mutating func add(_ rule: RouteChain.Rule, to chain: String, purpose: String) {
        let expressions: [TablesExpression]
        switch rule {
        case .pick(let backends): expressions = choice(of: backends) + [toBackend]
        case .pickAndRemember(let backends, let name, let seconds):
            let map = RouteTable.affinity(name)
            expressions =
                choice(of: backends) + [
                    .load(.sourceAddress, to: Self.source),
                    // One that is remembered here is a backend no longer; remembering would leave it as it is.
                    .forget(key: Self.source, value: Self.backend, in: map),
                    .remember(
                        key: Self.source, value: Self.backend, in: map, milliseconds: UInt64(max(1, seconds)) * 1000),
                    toBackend,
                ]
        case .recall(let backends, let name, let seconds):
            let map = RouteTable.affinity(name)
            let present = addAnonymous(
                key: [.address, .port], backends.map { TablesElement(Self.bytes($0)) })
            expressions = [
                .load(.sourceAddress, to: Self.source), .lookup(Self.source, in: map, to: Self.backend),
                .lookup(Self.backend, in: present, to: nil),
                // Its time begins again.
                .remember(
                    key: Self.source, value: Self.backend, in: map, milliseconds: UInt64(max(1, seconds)) * 1000),
                toBackend,
            ]
        case .markOutsiders:
            expressions =
                [.load(.inputDevice, to: .word(0)), .compare(.word(0), equal: false, TablesExpression.device(bridge))]
                + Self.mark
        case .gotoIfFrom(let range, let chain):
            expressions = TablesExpression.match(.source, in: range) + [.verdict(.goto(chain))]
        case .goto(let chain): expressions = [.verdict(.goto(chain))]
        case .drop: expressions = [.verdict(.drop)]
        }
        add(expressions, to: chain, purpose: purpose)
    }

    /// One of the backends, in its register.
    private mutating func choice(of backends: [ServiceRoute.Backend]) -> [TablesExpression] {
        if let only = backends.first, backends.count == 1 {
            return [
                .immediate(Self.backend, only.address.bytes),
                .immediate(.word(4 + Int(table.family.bits) / 32), Array(TablesElement.port(only.port).prefix(2))),
            ]
        }
        let map = addAnonymous(
            key: [.number], content: .values([.address, .port]),
            backends.enumerated().map { TablesElement(TablesElement.number(UInt32($0)), .value(Self.bytes($1))) })
        return [
            .random(modulus: UInt32(backends.count), to: Self.backend),
            .lookup(Self.backend, in: map, to: Self.backend),
        ]
    }

    /// As it stands in sets, maps and registers.
    private static func bytes(_ backend: ServiceRoute.Backend) -> [UInt8] {
        backend.address.bytes + TablesElement.port(backend.port)
    }

    private mutating func addAnonymous(
        key: [TablesSet.Field], content: TablesSet.Content = .keys, _ elements: [TablesElement]
    ) -> TablesSet {
        numbers += 1
        let set = TablesSet.anonymous(number: numbers, key: key, content: content, size: elements.count)
        add(set)
        add(elements, to: set)
        return set
    }
}
