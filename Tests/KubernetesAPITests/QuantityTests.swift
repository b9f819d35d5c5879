import Testing

@testable import KubernetesAPI

@Suite struct QuantityTests {
    /// As written, in canonical form, in thousandths.
    @Test(arguments: [
        ("0", "0", 0), ("0.0", "0", 0), ("1", "1", 1000), ("+1", "1", 1000), ("-1", "-1", -1000),
        ("100m", "100m", 100), ("0.1", "100m", 100), ("1.5", "1500m", 1500), ("1000m", "1", 1000),
        ("0.5Gi", "512Mi", 536_870_912_000), ("1.5Gi", "1536Mi", 1_610_612_736_000),
        ("1024Mi", "1Gi", 1_073_741_824_000),
        ("1023", "1023", 1_023_000), ("1000", "1k", 1_000_000), ("1100", "1100", 1_100_000),
        ("1e3", "1e3", 1_000_000), ("1E3", "1e3", 1_000_000), ("12e6", "12e6", 12_000_000_000),
        ("1e-3", "1e-3", 1), ("10e2", "1e3", 1_000_000),
        ("100n", "100n", 1), ("1u", "1u", 1), ("0.5n", "1n", 1), ("0.0000000001", "1n", 1),
        ("1Ki", "1Ki", 1_024_000), ("0.5Ki", "512", 512_000), ("0.3Ki", "307200m", 307_200),
        (".5", "500m", 500), ("5.", "5", 5000), ("128Mi", "128Mi", 134_217_728_000),
        ("1E", "1E", Int64.max), ("8Ei", "9223372036854775807", Int64.max),
        ("9223372036854775808", "9223372036854775807", Int64.max),
        ("1e50", "9223372036854775807", Int64.max),
    ])
    func canonicalForm(text: String, canonical: String, milli: Int64) {
        let quantity = Quantity(text)
        #expect(quantity.canonical == canonical)
        #expect(quantity.milliValue == milli)
        #expect(Quantity(quantity.canonical) == quantity)
    }

    @Test(arguments: [
        "", " ", "1 ", " 1", "a", "1Mi1", "1.2.3", "--1", "1KI", "1K", "Ki", ".", "1ee3", "1e", "1e1.5", "0x10", "1,5",
        "1mm", "Inf", "NaN",
    ])
    func refused(text: String) {
        #expect(!Quantity(text).isValid)
        #expect(Quantity(text).value == 0)
    }

    @Test(arguments: [("1m", 1), ("999m", 1), ("1001m", 2), ("-1m", -1), ("2", 2), ("1Ki", 1024)])
    func wholeUnitsAreRoundedAwayFromZero(text: String, value: Int64) { #expect(Quantity(text).value == value) }

    @Test func comparisonGoesByValue() {
        #expect(Quantity("1") == Quantity("1000m"))
        #expect(Set([Quantity("1"), Quantity("1000m")]).count == 1)
        #expect(Quantity("1Gi") > Quantity("1G"))
        #expect(Quantity("-1") < Quantity("0"))
    }

    @Test func sumsKeepTheLeftFormat() {
        #expect((Quantity("1Gi") + Quantity("512Mi")).text == "1536Mi")
        #expect((Quantity("100m") + Quantity("0.9")).text == "1")
        #expect((Quantity("0") + Quantity("1Ki")).text == "1Ki")
        #expect((Quantity("1") - Quantity("250m")).text == "750m")
        #expect(Quantity(250, format: .binary).text == "250")
        #expect(Quantity(2048, format: .binary).text == "2Ki")
        #expect(Quantity(milliValue: 1500).text == "1500m")
    }

    @Test func jsonIsCanonicalAndTakesNumbers() throws {
        #expect(try Quantity(json: "0.5").text == "500m")
        #expect(try Quantity(json: 2).text == "2")
        #expect(try Quantity(json: .number(0.1)).text == "100m")
        #expect(try Quantity(json: "nonsense").text == "nonsense")
        #expect(throws: JSONTypeError.self) { try Quantity(json: true) }
    }
}
