/// What the zone says to a question.
struct ZoneAnswer: Sendable, Hashable {
    var code = ResponseCode.noError
    var answers: [ResourceRecord] = []
    var authorities: [ResourceRecord] = []
    var additionals: [ResourceRecord] = []
    /// A name outside of the zone that the last answer, a CNAME, leads to. Its records complete the answer.
    var alias: DomainName?
}
