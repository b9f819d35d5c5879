extension SystemError {
    /// Turns the answer of a `clx_` function (0 or more, or -errno) into a value or an error.
    @discardableResult
    static func check<Value: SignedInteger>(
        _ call: String, _ object: @autoclosure () -> String, _ result: Value
    ) throws(SystemError) -> Value {
        if result < 0 { throw SystemError(call: call, object: object(), errno: Int32(truncatingIfNeeded: -result)) }
        return result
    }

    @discardableResult
    static func check<Value: SignedInteger>(_ call: String, _ result: Value) throws(SystemError) -> Value {
        try check(call, "", result)
    }
}
