import OrderedCollections

/// The items of a list that is a set or has keys, by their elements of a path.
struct Items {
    /// In the list's order. More than one item under an element are told apart by nothing.
    private(set) var byElement: OrderedDictionary<String, [JSONValue]> = [:]

    init(_ items: [JSONValue], _ shape: FieldShape) {
        byElement.reserveCapacity(items.count)
        for item in items { byElement[Self.element(item, shape), default: []].append(item) }
    }

    static func element(_ item: JSONValue, _ shape: FieldShape) -> String {
        if case .keyed(_, let keys) = shape { return keys.element(item) }
        return "v:" + item.text
    }
}
